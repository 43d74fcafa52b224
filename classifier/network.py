"""SpectraNet: a network with parallel kernels of several widths at each of several scales.

The architecture is that of AppleCiDEr II (arXiv 2510.07215).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from classifier.fourier import KernelSpectra, convolve, transform_kernels

# From this kernel width, and from this many products for each output value, transforms are cheaper than the direct sum.
WIDE, MANY_PRODUCTS = 11, 150
# Number of spectra that are normalised and projected at a time, so that they stay in the processor's cache.
SLICE = 2


@dataclasses.dataclass(frozen=True)
class StageConfig:
    """Shape of one scale.

    kernels: widths of the parallel kernels in samples, each odd.
    channels: number of output channels of each kernel.
    project: number of channels that a 1x1 convolution reduces them to, or None to leave them concatenated.
    pool: factor of the max-pooling, 1 for none.
    """

    kernels: tuple[int, ...]
    channels: int
    project: int | None
    pool: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernels", tuple(self.kernels))
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError("every kernel must be odd, so that 'same' padding is symmetric")

    @property
    def out_channels(self) -> int:
        return self.project or self.channels * len(self.kernels)


@dataclasses.dataclass(frozen=True)
class SpectraNetConfig:
    """Shape of a SpectraNet.

    samples: length of the input spectrum.
    in_channels: number of input channels.
    stages: the scales, from fine to coarse.
    hidden: size of the embedding that both heads see.
    dropout: share of the embedding that training drops.
    classes: number of class logits, 0 for none.
    redshift: "none"; "softplus" for one value ≥ 0 as in the paper; or "bins" for logits over bins of ln(1 + z), which
        may lie below 0 (blueshifted galaxies, peculiar motion) and tell how sure the estimate is.
    redshift_first: ln(1 + z) at the centre of the first bin.
    redshift_step: width of a bin in ln(1 + z).
    redshift_bins: number of bins.
    mean_pool: whether the global mean is appended to the global maximum.
    positions: number of channels kept for each position beside the pooled features, 0 for none. A redshift is a
        position, which pooling forgets.
    """

    samples: int
    in_channels: int
    stages: tuple[StageConfig, ...]
    hidden: int
    dropout: float
    classes: int
    redshift: str = "none"
    redshift_first: float = -0.01
    redshift_step: float = 0.004
    redshift_bins: int = 300
    mean_pool: bool = False
    positions: int = 0

    def __post_init__(self) -> None:
        stages = tuple(s if isinstance(s, StageConfig) else StageConfig(**s) for s in self.stages)
        object.__setattr__(self, "stages", stages)
        if self.redshift not in {"none", "softplus", "bins"}:
            raise ValueError(f"the redshift head must be none, softplus or bins, not {self.redshift}")
        if not self.outputs:
            raise ValueError("a network needs classes, a redshift head or both")

    @property
    def redshift_outputs(self) -> int:
        return {"none": 0, "softplus": 1, "bins": self.redshift_bins}[self.redshift]

    @property
    def outputs(self) -> int:
        return self.classes + self.redshift_outputs

    @property
    def last_samples(self) -> int:
        length = self.samples
        for stage in self.stages:
            length //= stage.pool
        return length

    @classmethod
    def paper(cls, head: str = "classes", classes: int = 10) -> Self:
        """Return the paper's network with one head.

        head: "classes" or "redshift" (softplus).
        classes: number of classes; the paper has ten.
        """
        rows = (
            ((3, 61, 1021), 64),
            ((3, 31, 251), 128),
            ((3, 15, 61), 256),
            ((3, 11, 31), 512),
        )
        stages = tuple(StageConfig(kernels, width, width, 4) for kernels, width in rows)
        return cls(
            samples=4096,
            in_channels=1,
            stages=(*stages, StageConfig((3, 7, 13), 1024, None, 1)),
            hidden=384,
            dropout=0.5,
            classes=classes if head == "classes" else 0,
            redshift="none" if head == "classes" else "softplus",
        )

    @classmethod
    def compact(cls, classes: int) -> Self:
        """Return a small shape: the paper's idea at a size that two CPU cores train in about half an hour."""
        return cls(
            samples=1024,
            in_channels=5,
            stages=(
                StageConfig((3, 9, 31), 24, 32, 4),
                StageConfig((3, 9, 31), 48, 64, 4),
                StageConfig((3, 9, 15), 96, 128, 4),
                StageConfig((3, 5, 7), 160, None, 1),
            ),
            hidden=256,
            dropout=0.4,
            classes=classes,
            redshift="bins",
            mean_pool=True,
            positions=24,
        )

    @classmethod
    def fine(cls, classes: int) -> Self:
        """Return the shipped shape: the compact one with one stage more and twice the sampling, for narrow lines."""
        rows = (((3, 15, 61), 24, 32, 4), ((3, 9, 31), 48, 64, 4), ((3, 9, 31), 72, 96, 4), ((3, 9, 15), 112, 128, 2))
        stages = tuple(StageConfig(*row) for row in rows)
        return dataclasses.replace(
            cls.compact(classes),
            samples=2048,
            stages=(*stages, StageConfig((3, 5, 7), 160, None, 1)),
            redshift_bins=400,  # up to z = 3.9
        )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class Stage(nn.Module):
    """One scale of a SpectraNet.

    Activations have their channels last in memory, which is several times as fast on a CPU as PyTorch's Conv1d. For
    inference on a CPU the wide kernels are applied in Fourier space, which gives the same answer sooner.
    """

    def __init__(self, in_channels: int, config: StageConfig) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, config.channels, (1, kernel), padding=(0, kernel // 2)) for kernel in config.kernels
        )
        width = config.channels * len(config.kernels)
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, config.project) if config.project else None
        self.pool = config.pool
        self._kernel_spectra: KernelSpectra | None = None

    def forward(self, x: Tensor) -> Tensor:
        # x: (batch, in_channels, 1, L)
        wide = self._fourier_branches(x)
        if wide:
            return self._forward_fourier(x, wide)
        return self._merge([branch(x).permute(0, 2, 3, 1) for branch in self.branches])

    def _merge(self, parts: Sequence[Tensor]) -> Tensor:
        # parts: each (batch, 1, L, channels)
        x = torch.cat(list(parts), dim=3)  # (batch, 1, L, kernels x channels)
        x = nn.functional.gelu(self.norm(x))
        if self.project is not None:
            x = self.project(x)  # (batch, 1, L, out_channels)
        x = x.permute(0, 3, 1, 2)  # (batch, out_channels, 1, L)
        return nn.functional.max_pool2d(x, (1, self.pool)) if self.pool > 1 else x  # (batch, out_channels, 1, L / pool)

    def _fourier_branches(self, x: Tensor) -> list[nn.Conv2d]:
        """Return the branches that are faster in Fourier space: none while training, on a GPU or in bfloat16."""
        if self.training or torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
            return []
        if x.device.type != "cpu" or x.dtype != torch.float32 or not len(x):
            return []
        branches = [branch for branch in self.branches if isinstance(branch, nn.Conv2d)]
        # PyTorch does not count the changes of an inference tensor, so its transform could not be kept safely.
        return [
            b
            for b in branches
            if (width := b.kernel_size[1]) >= WIDE
            and width * b.in_channels >= MANY_PRODUCTS
            and not b.weight.is_inference()
        ]

    def _forward_fourier(self, x: Tensor, wide: Sequence[nn.Conv2d]) -> Tensor:
        weights = [branch.weight for branch in wide]
        if self._kernel_spectra is None or not self._kernel_spectra.fit(weights, x.shape[3]):
            self._kernel_spectra = transform_kernels(weights, x.shape[3])
        bias = torch.cat([branch.bias for branch in wide if branch.bias is not None])
        # (batch, 1, L, channels of all wide branches)
        convolved = (convolve(x.squeeze(2), self._kernel_spectra) + bias).unsqueeze(1)
        widths = [branch.out_channels for branch in wide]
        parts: dict[nn.Module, Tensor] = dict(zip(wide, torch.split(convolved, widths, dim=3), strict=True))
        narrow = {branch: branch(x).permute(0, 2, 3, 1) for branch in self.branches if branch not in parts}
        merged = []
        for start in range(0, len(x), SLICE):
            rows = slice(start, start + SLICE)
            merged.append(self._merge([narrow[b][rows] if b in narrow else parts[b][rows] for b in self.branches]))
        return torch.cat(merged)

    def train(self, mode: bool = True) -> Self:
        """Set the mode as PyTorch does, and forget the kernels' transforms."""
        self._kernel_spectra = None
        return super().train(mode)

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        # Every move to another device or precision comes through here.
        self._kernel_spectra = None
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self


class SpectraNet(nn.Module):
    """A network that takes (batch, in_channels, samples) and returns (batch, outputs). Further channels are ignored.

    The class logits come first, then the values of the redshift head.
    """

    def __init__(self, config: SpectraNetConfig) -> None:
        super().__init__()
        self.config = config
        channels = [config.in_channels, *(stage.out_channels for stage in config.stages)]
        self.stages = nn.ModuleList(Stage(channels[i], stage) for i, stage in enumerate(config.stages))
        features = channels[-1] * (2 if config.mean_pool else 1)
        self.position = nn.Linear(channels[-1], config.positions) if config.positions else None
        features += config.positions * config.last_samples
        self.embed = nn.Sequential(
            nn.Linear(features, config.hidden),
            nn.LayerNorm(config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
        )
        self.class_head = nn.Linear(config.hidden, config.classes) if config.classes else None
        outputs = config.redshift_outputs
        self.redshift_head = nn.Linear(config.hidden, outputs) if outputs else None

    def forward(self, x: Tensor) -> Tensor:
        # x: (batch, in_channels, samples)
        return self.answers(self.features(x))  # (batch, outputs)

    def features(self, x: Tensor) -> Tensor:
        """Return the embedding (batch, hidden) that both heads see, and that look-alikes are found by."""
        return self.features_after(self.first_stage(x))

    def first_stage(self, x: Tensor) -> Tensor:
        """Return the first stage's activations, (batch, channels, 1, samples / pool)."""
        x = (
            x[:, : self.config.in_channels].unsqueeze(2).contiguous(memory_format=torch.channels_last)
        )  # (batch, in_channels, 1, samples)
        activations: Tensor = self.stages[0](x)
        return activations

    def features_after(self, x: Tensor) -> Tensor:
        """Return the embedding (batch, hidden) from the first stage's activations."""
        for stage in list(self.stages)[1:]:
            x = stage(x)
        return self.embedding(x.squeeze(2))

    def embedding(self, x: Tensor) -> Tensor:
        """Return the embedding (batch, hidden) from the last stage's activations (batch, channels, last_samples)."""
        pooled = [x.amax(2)]  # (batch, channels)
        if self.config.mean_pool:
            pooled.append(x.mean(2))  # (batch, channels)
        if self.position is not None:
            pooled.append(self.position(x.transpose(1, 2)).flatten(1))  # (batch, last_samples x positions)
        embedded: Tensor = self.embed(torch.cat(pooled, dim=1))
        return embedded

    def answers(self, hidden: Tensor) -> Tensor:
        """Return what both heads say of the embedding: (batch, hidden) → (batch, outputs)."""
        out = []
        if self.class_head is not None:
            out.append(self.class_head(hidden))
        if self.redshift_head is not None:
            value = self.redshift_head(hidden)
            out.append(nn.functional.softplus(value) if self.config.redshift == "softplus" else value)
        return torch.cat(out, dim=1)

    def split(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Split the output of ``forward`` into (batch, classes) logits and (batch, redshift_outputs) values."""
        return output[:, : self.config.classes], output[:, self.config.classes :]
