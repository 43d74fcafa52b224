"""From a Spectrum to the network's input: the one code path for training and prediction.

Two steps. ``resample`` puts a spectrum once on a fine logarithmic grid that is wider than the network's.
``network_input`` takes batches of those, shifts them to the wanted frame, averages them onto the network's grid
and normalises them. Training augments between the two; prediction does not.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.errors import SpectrumError
from classifier.spectrum import Spectrum

CHANNELS = ("flux", "continuum_divided", "coverage", "position", "rest_frame")

# A step this many times the median one, and wider than GAP_MIN_A, is a gap and not a coarse sampling.
GAP_STEPS = 8.0
GAP_MIN_A = 60.0


@dataclasses.dataclass(frozen=True)
class PreprocessConfig:
    """The two grids (Å, ends of the first and last sample) and what a spectrum must cover.

    continuum_width: full width of the running mean that stands for the continuum, in ln λ.
    need_optical_angstrom: how much of the observed optical_range must be covered.
    """

    samples: int = 1024
    first: float = 2000.0
    last: float = 11000.0
    oversample: int = 2
    fine_first: float = 1500.0
    fine_last: float = 25000.0
    continuum_width: float = 0.12
    optical_range: tuple[float, float] = (3200.0, 10000.0)
    need_optical_angstrom: float = 700.0

    def __post_init__(self) -> None:
        if not 0 < self.fine_first <= self.first < self.last <= self.fine_last:
            raise ValueError("the network's grid must lie inside the fine grid")
        object.__setattr__(self, "optical_range", tuple(self.optical_range))

    @property
    def log_step(self) -> float:
        """Width of a fine sample in ln λ."""
        return math.log(self.last / self.first) / (self.samples * self.oversample)

    @property
    def fine_samples(self) -> int:
        return math.ceil(math.log(self.fine_last / self.fine_first) / self.log_step)

    def fine_edges(self) -> NDArray[np.float64]:
        """(fine_samples + 1,) Å, observed frame."""
        return np.asarray(self.fine_first * np.exp(np.arange(self.fine_samples + 1) * self.log_step))

    def grid(self) -> NDArray[np.float64]:
        """(samples,) Å: centres of the network's samples."""
        step = self.log_step * self.oversample
        return np.asarray(self.first * np.exp((np.arange(self.samples) + 0.5) * step))


@dataclasses.dataclass(frozen=True, eq=False)
class Resampled:
    """flux: (fine_samples,) float32, divided by its median absolute value; 0 where not covered.
    covered: (fine_samples,) bool."""

    flux: NDArray[np.float32]
    covered: NDArray[np.bool_]


def resample(spectrum: Spectrum, config: PreprocessConfig) -> Resampled:
    """Flux-conserving rebin of F_λ to the fine grid: the mean of the linear interpolant over each new sample.

    Where the grid is finer than the spectrum this is an interpolation without steps; where it is coarser, an
    average that keeps the integral. Raises SpectrumError("insufficient_coverage").
    """
    return resample_arrays(spectrum.wavelength, spectrum.flux, config)


def resample_arrays(wavelength: NDArray[np.float64], flux: NDArray[np.float64], config: PreprocessConfig) -> Resampled:
    """As ``resample``, of bare arrays: wavelength (n,) Å strictly ascending, flux (n,) finite."""
    edges = config.fine_edges()
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        rebinned = _mean_over_samples(wavelength, flux, edges)
    covered = _covered(wavelength, edges)
    scale = float(np.median(np.abs(flux))) or float(np.abs(flux).max())
    if not (math.isfinite(scale) and np.isfinite(rebinned).all()):
        raise SpectrumError("not_finite", "the flux has values too large to compute with")
    out = np.where(covered, rebinned / scale, 0.0).astype(np.float32)
    _check_coverage(covered, edges, config)
    return Resampled(np.clip(out, -1e4, 1e4), covered)


def _mean_over_samples(
    wavelength: NDArray[np.float64], flux: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    step = np.diff(wavelength)
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (flux[1:] + flux[:-1]) * step)])
    inside = np.clip(edges, wavelength[0], wavelength[-1])
    index = np.clip(np.searchsorted(wavelength, inside, side="right") - 1, 0, step.size - 1)
    along = inside - wavelength[index]
    slope = (flux[index + 1] - flux[index]) / step[index]
    integral = cumulative[index] + flux[index] * along + 0.5 * slope * along**2
    width = np.diff(inside)
    return np.divide(np.diff(integral), width, out=np.zeros_like(width), where=width > 0)


def _covered(wavelength: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.bool_]:
    centre = 0.5 * (edges[1:] + edges[:-1])
    covered: NDArray[np.bool_] = (centre >= wavelength[0]) & (centre <= wavelength[-1])
    step = np.diff(wavelength)
    gaps = np.flatnonzero(step > max(GAP_STEPS * float(np.median(step)), GAP_MIN_A))
    for gap in gaps:
        covered &= (centre <= wavelength[gap]) | (centre >= wavelength[gap + 1])
    return covered


def _check_coverage(covered: NDArray[np.bool_], edges: NDArray[np.float64], config: PreprocessConfig) -> None:
    low, high = config.optical_range
    optical = np.clip(edges, low, high)
    total = float(np.diff(optical)[covered].sum())
    if total < config.need_optical_angstrom:
        raise SpectrumError(
            "insufficient_coverage",
            f"covers {total:.0f} Å of {low:.0f}-{high:.0f} Å; {config.need_optical_angstrom:.0f} Å are needed",
        )


def check_rest_coverage(resampled: Resampled, redshift: float, config: PreprocessConfig) -> None:
    """Raises SpectrumError("insufficient_coverage") where a redshift moves the spectrum off the network's grid."""
    edges = config.fine_edges() / (1 + redshift)
    on_grid = float(np.diff(np.clip(edges, config.first, config.last))[resampled.covered].sum())
    if on_grid * (1 + redshift) < config.need_optical_angstrom:
        raise SpectrumError(
            "insufficient_coverage",
            f"at z = {redshift:g} only {on_grid:.0f} Å (rest frame) lie within {config.first:.0f}-{config.last:.0f} Å",
        )


def network_input(
    flux: Tensor, covered: Tensor, log1pz: Tensor, rest_frame: Tensor, config: PreprocessConfig
) -> Tensor:
    """Batch of fine spectra → (batch, len(CHANNELS), samples) float32.

    flux, covered: (batch, fine_samples). log1pz: (batch,) ln(1 + z) to shift by; 0 leaves the observed frame.
    rest_frame: (batch,) 1 where the result is in the rest frame, else 0; told to the network as a channel.
    """
    values, mask = shift_and_average(flux, covered.to(flux.dtype), log1pz, config)
    count = mask.sum(1, keepdim=True).clamp_min(1.0)
    standard = _standardise(values, mask, count)
    divided = continuum_divided(values, mask, config)
    position = torch.linspace(-1.0, 1.0, config.samples, dtype=flux.dtype).expand_as(mask)
    frame = rest_frame.to(flux.dtype).unsqueeze(1).expand_as(mask)
    return torch.stack([standard, divided, mask, position, frame], dim=1)


def shift_and_average(flux: Tensor, mask: Tensor, log1pz: Tensor, config: PreprocessConfig) -> tuple[Tensor, Tensor]:
    """(batch, fine_samples) flux and mask of 0 and 1 → both (batch, samples), ln(1 + z) taken out of each row."""
    fine = config.samples * config.oversample
    offset = (math.log(config.first / config.fine_first) + log1pz.double()) / config.log_step
    whole = offset.floor()
    part = (offset - whole).to(flux.dtype).unsqueeze(1)
    index = whole.long().unsqueeze(1) + torch.arange(fine + 1).unsqueeze(0)
    inside = (index >= 0) & (index < flux.shape[1])
    index = index.clamp(0, flux.shape[1] - 1)
    taken_mask = mask.gather(1, index) * inside
    taken_flux = flux.gather(1, index) * taken_mask
    weight = (1 - part) * taken_mask[:, :-1] + part * taken_mask[:, 1:]
    total = (1 - part) * taken_flux[:, :-1] + part * taken_flux[:, 1:]
    weight = weight.view(-1, config.samples, config.oversample).sum(2)
    total = total.view(-1, config.samples, config.oversample).sum(2)
    covered = (weight > 0.5 * config.oversample).to(flux.dtype)
    return torch.where(covered > 0, total / weight.clamp_min(1e-6), 0.0), covered


def _standardise(values: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    mean = values.sum(1, keepdim=True) / count
    centred = (values - mean) * mask
    spread = centred.abs().sum(1, keepdim=True) / count
    return torch.asinh(centred / spread.clamp_min(1e-6))


def continuum_divided(values: Tensor, mask: Tensor, config: PreprocessConfig) -> Tensor:
    """(batch, samples) flux and mask → what stands above or below the running mean, in units of its mean size and
    compressed by asinh; 0 where not covered."""
    count = mask.sum(1, keepdim=True).clamp_min(1.0)
    width = round(config.continuum_width / (config.log_step * config.oversample))
    continuum = running_mean(values, mask, width)
    floor = 0.1 * values.abs().sum(1, keepdim=True) / count
    divided = (values - continuum) / continuum.clamp_min(floor.clamp_min(1e-6)) * mask
    spread = divided.abs().sum(1, keepdim=True) / count
    return torch.asinh(divided / spread.clamp_min(1e-6))


def running_mean(values: Tensor, mask: Tensor, width: int) -> Tensor:
    """Two passes of a running mean over the covered samples: (batch, n), ``width`` in samples (full width)."""
    for _ in range(2):
        values = _box(values * mask, width) / _box(mask, width).clamp_min(1e-6)
    return values


def _box(values: Tensor, width: int) -> Tensor:
    half = max(width // 4, 1)
    padded = torch.nn.functional.pad(values, (half + 1, half))
    total = padded.double().cumsum(1)
    return (total[:, 2 * half + 1 :] - total[:, : -(2 * half + 1)]).to(values.dtype)
