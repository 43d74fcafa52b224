"""SpectraNet: parallel kernels of several widths at each of several scales (AppleCiDEr II, arXiv 2510.07215)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Self, cast

import torch
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class StageConfig:
    """One scale: parallel kernels, each with ``channels`` outputs; then 1x1 back to ``project`` channels (None:
    left concatenated) and max-pooling by ``pool`` (1: none)."""

    kernels: tuple[int, ...]
    channels: int
    project: int | None
    pool: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernels", tuple(self.kernels))
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError("kernels must be odd, so that 'same' padding is symmetric")

    @property
    def out_channels(self) -> int:
        return self.project or self.channels * len(self.kernels)


@dataclasses.dataclass(frozen=True)
class SpectraNetConfig:
    """Shape of a SpectraNet.

    classes: number of class logits, 0 for none. redshift: "none"; "softplus", one value ≥ 0 as in the paper; or
    "bins", logits over ``redshift_bins`` bins of ln(1 + z) from ``redshift_first`` in steps of ``redshift_step``,
    which may lie below 0 (blueshifted galaxies, peculiar motion) and tells how sure the estimate is.
    mean_pool: append the global mean to the global maximum. positions: channels per position kept beside the
    pooled features, for a redshift is a position and pooling forgets it; 0 for none.
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
            raise ValueError(f"unknown redshift head: {self.redshift}")
        if not self.outputs:
            raise ValueError("a network needs classes or a redshift")

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
    def paper(cls, head: str = "classes") -> Self:
        """The paper's network: ``head`` "classes" (ten of them) or "redshift" (softplus)."""
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
            classes=10 if head == "classes" else 0,
            redshift="none" if head == "classes" else "softplus",
        )

    @classmethod
    def compact(cls, classes: int) -> Self:
        """The shipped shape: the paper's idea at a size that two CPU cores train in about half an hour."""
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

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class Stage(nn.Module):
    """(batch, C, 1, L) → (batch, out_channels, 1, L / pool); channels last in memory, which is several times
    faster on a CPU than PyTorch's Conv1d."""

    def __init__(self, in_channels: int, config: StageConfig) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, config.channels, (1, kernel), padding=(0, kernel // 2)) for kernel in config.kernels
        )
        width = config.channels * len(config.kernels)
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, config.project) if config.project else None
        self.pool = config.pool

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([branch(x) for branch in self.branches], dim=1)
        x = nn.functional.gelu(self.norm(x.permute(0, 2, 3, 1)))  # (batch, 1, L, 3C)
        if self.project is not None:
            x = self.project(x)
        x = x.permute(0, 3, 1, 2)
        return nn.functional.max_pool2d(x, (1, self.pool)) if self.pool > 1 else x


class SpectraNet(nn.Module):
    """x: (batch, in_channels, samples) → (batch, outputs): class logits first, then the redshift head's values."""

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

    def features(self, x: Tensor) -> Tensor:
        """(batch, in_channels, samples) → (batch, hidden): what both heads see; also the embedding for twins."""
        return self.features_after(self.first_stage(x))

    def first_stage(self, x: Tensor) -> Tensor:
        """(batch, in_channels, samples) → (batch, channels, 1, samples / pool): what the first stage makes of it."""
        activations: Tensor = self.stages[0](x.unsqueeze(2).contiguous(memory_format=torch.channels_last))
        return activations

    def features_after(self, x: Tensor) -> Tensor:
        """What the first stage gives → (batch, hidden)."""
        for stage in list(self.stages)[1:]:
            x = stage(x)
        return self.embedding(x.squeeze(2))

    def embedding(self, x: Tensor) -> Tensor:
        """(batch, channels, last_samples), what the last stage gives → (batch, hidden)."""
        pooled = [x.amax(2)]
        if self.config.mean_pool:
            pooled.append(x.mean(2))
        if self.position is not None:
            pooled.append(self.position(x.transpose(1, 2)).flatten(1))
        embedded: Tensor = self.embed(torch.cat(pooled, dim=1))
        return embedded

    def forward(self, x: Tensor) -> Tensor:
        return self.answers(self.features(x))

    def heads(self, x: Tensor) -> Tensor:
        """What the last stage gives → (batch, outputs)."""
        return self.answers(self.embedding(x))

    def answers(self, hidden: Tensor) -> Tensor:
        """What both heads say of the embedding: (batch, hidden) → (batch, outputs)."""
        out = []
        if self.class_head is not None:
            out.append(self.class_head(hidden))
        if self.redshift_head is not None:
            value = self.redshift_head(hidden)
            out.append(nn.functional.softplus(value) if self.config.redshift == "softplus" else value)
        return torch.cat(out, dim=1)

    def split(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Output of ``forward`` → (batch, classes) logits, (batch, redshift_outputs)."""
        return output[:, : self.config.classes], output[:, self.config.classes :]


class Ensemble(nn.Module):
    """Networks of one shape, trained from different seeds, that answer as one: (batch, in_channels, samples) →
    (batch, outputs), their mean class logits (hence the geometric mean of their probabilities, with the energy that the
    novelty is read from) and the logarithm of their mean redshift probabilities."""

    def __init__(self, members: Sequence[SpectraNet]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.config = members[0].config

    def forward(self, x: Tensor) -> Tensor:
        return self.combine([member(x) for member in self.members])

    def combine(self, outputs: Sequence[Tensor]) -> Tensor:
        """The members' outputs, each (batch, outputs) → (batch, outputs)."""
        answers = [self.split(output) for output in outputs]
        classes = torch.stack([logits for logits, _ in answers]).mean(0)
        # A mixture: where the members disagree about the redshift, the result has their several peaks.
        redshift = torch.stack([torch.log_softmax(logits, dim=1) for _, logits in answers])
        return torch.cat([classes, redshift.logsumexp(0) - math.log(len(answers))], dim=1)

    def features(self, x: Tensor) -> Tensor:
        """(batch, in_channels, samples) → (batch, members x hidden): the embedding of all members, side by side."""
        return torch.cat([cast(SpectraNet, member).features(x) for member in self.members], dim=1)

    def split(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """As ``SpectraNet.split``."""
        return output[:, : self.config.classes], output[:, self.config.classes :]
