"""Convolution with wide kernels in Fourier space, for SpectraNet on a CPU.

One transform of the input serves all kernels of a stage, and the kernels' own transforms are kept between calls. With a
kernel of 251 samples this needs about a fiftieth of the arithmetic of the direct sum.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

_FAST_FACTORS = (2, 3, 5)


@dataclasses.dataclass(frozen=True, eq=False)
class KernelSpectra:
    """Fourier transforms of several kernels, and what they were computed from.

    samples: length of the inputs that they fit.
    length: length of the transform, padded so that nothing wraps around.
    values: (frequencies, in channels, out channels) complex.
    weights: the tensors that were transformed.
    versions: PyTorch's count of in-place changes of each weight at that time.
    addresses: memory address of each weight at that time.
    """

    samples: int
    length: int
    values: Tensor
    weights: tuple[Tensor, ...]
    versions: tuple[int, ...]
    addresses: tuple[int, ...]

    def fit(self, weights: Sequence[Tensor], samples: int) -> bool:
        """Return whether these spectra are still those of ``weights``, for inputs of ``samples`` samples."""
        return (
            self.samples == samples
            and len(self.weights) == len(weights)
            and all(mine is other for mine, other in zip(self.weights, weights, strict=True))
            and self.versions == _versions(weights)
            and self.addresses == _addresses(weights)
        )


def transform_kernels(weights: Sequence[Tensor], samples: int) -> KernelSpectra:
    """Transform kernels for inputs of ``samples`` samples.

    weights: each (out channels, in channels, 1, kernel) float32 on the CPU, with an odd kernel.
    """
    length = fast_length(samples + max(weight.shape[3] for weight in weights) // 2)
    rows = []
    # The result outlives a surrounding inference_mode, so it must be an ordinary tensor.
    with torch.inference_mode(False), torch.no_grad():
        for weight in weights:
            kernel = weight.detach()[:, :, 0]  # (out, in, kernel)
            half = kernel.shape[2] // 2
            # The kernel's centre lies at sample 0; the samples before it wrap around to the end.
            placed = torch.zeros(*kernel.shape[:2], length, device=kernel.device)
            placed[..., : half + 1] = kernel[..., half:]
            placed[..., length - half :] = kernel[..., :half]
            rows.append(torch.fft.rfft(placed))
        # Conjugated, because a network's convolution is a correlation.
        values = torch.cat(rows).conj().permute(2, 1, 0).contiguous()
    return KernelSpectra(samples, length, values, tuple(weights), _versions(weights), _addresses(weights))


def convolve(x: Tensor, spectra: KernelSpectra) -> Tensor:
    """Convolve with "same" padding.

    x: (batch, in channels, samples) float32.
    Returns (batch, samples, out channels of all kernels).
    """
    transform = torch.fft.rfft(x, n=spectra.length).permute(2, 0, 1).contiguous()  # (frequencies, batch, in)
    product = torch.bmm(transform, spectra.values)  # (frequencies, batch, out)
    # Back along the first axis: the channels stay last, where the layer norm wants them.
    result: Tensor = torch.fft.irfft(product, n=spectra.length, dim=0)[: spectra.samples].transpose(0, 1)
    return result


def _versions(weights: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(weight._version for weight in weights)


def _addresses(weights: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(weight.data_ptr() for weight in weights)


def fast_length(least: int) -> int:
    """Return the smallest even length from ``least`` on that has no prime factor above 5."""
    length = least + least % 2
    while True:
        rest = length
        for factor in _FAST_FACTORS:
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2
