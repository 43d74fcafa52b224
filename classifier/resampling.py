"""The grids of the classifier, and spectra resampled onto the fine one. This module does not load PyTorch."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from classifier.errors import SpectrumError
from classifier.spectrum import Array, Spectrum

# A step this many times the median one, and wider than GAP_MIN_A (Å), is a gap and not a coarse sampling.
GAP_STEPS = 8.0
GAP_MIN_A = 60.0
# Number of samples of the cross-check's grid.
TEMPLATE_SAMPLES = 1024


@dataclasses.dataclass(frozen=True)
class PreprocessConfig:
    """The two logarithmic grids, and how much of the optical range a spectrum must cover.

    Attributes:
        samples: number of samples of the network's grid.
        first: blue edge of the network's first sample in Å.
        last: red edge of the network's last sample in Å.
        oversample: number of fine samples in one sample of the network's grid.
        fine_first: blue edge of the first fine sample in Å.
        fine_last: wavelength in Å that the fine grid reaches at least.
        continuum_width: full width of the running mean that stands for the continuum, in ln λ.
        optical_range: the optical range in Å, observed frame.
        need_optical_angstrom: how many Å of the optical range a spectrum must cover.
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
        """Return the width of a fine sample in ln λ."""
        return math.log(self.last / self.first) / (self.samples * self.oversample)

    @property
    def step(self) -> float:
        """Return the width of a sample of the network's grid in ln λ."""
        return self.log_step * self.oversample

    @property
    def continuum_samples(self) -> int:
        """Return the full width of the continuum's running mean in samples of the network's grid."""
        return round(self.continuum_width / self.step)

    @property
    def fine_samples(self) -> int:
        """Return the number of samples of the fine grid."""
        return math.ceil(math.log(self.fine_last / self.fine_first) / self.log_step)

    @property
    def for_templates(self) -> PreprocessConfig:
        """Return the grids of the cross-check: the same fine grid, and TEMPLATE_SAMPLES coarser samples.

        Scores and overlaps of the cross-check are counted in these samples, whatever the network's grid is.
        """
        oversample = self.samples * self.oversample // TEMPLATE_SAMPLES
        return dataclasses.replace(self, samples=TEMPLATE_SAMPLES, oversample=oversample)

    def fine_edges(self) -> Array:
        """Return the edges of the fine samples, (fine_samples + 1,) in Å."""
        return np.asarray(self.fine_first * np.exp(np.arange(self.fine_samples + 1) * self.log_step))

    def grid(self) -> Array:
        """Return the centres of the network's samples, (samples,) in Å."""
        return np.asarray(self.first * np.exp((np.arange(self.samples) + 0.5) * self.step))


@dataclasses.dataclass(frozen=True, eq=False)
class Resampled:
    """One spectrum on the fine grid, in the frame it came in.

    Attributes:
        flux: (fine_samples,) float32, divided by the spectrum's median absolute flux; 0 where nothing was observed.
        covered: (fine_samples,) bool, whether the spectrum has data there.
        scale: what the flux was divided by, in the spectrum's unit.
    """

    flux: NDArray[np.float32]
    covered: NDArray[np.bool_]
    scale: float


def resample(spectrum: Spectrum, config: PreprocessConfig) -> Resampled:
    """Rebin a spectrum to the fine grid: each new sample is the mean of the linear interpolant over its width.

    This conserves flux. Where the grid is finer than the spectrum it interpolates without steps; where the grid is
    coarser it averages and keeps the integral.

    Raises SpectrumError with the code "insufficient_coverage" if too little of the optical range is covered, and
    "not_finite" if the flux is too large to compute with.
    """
    return resample_arrays(spectrum.wavelength, spectrum.flux, config)


def resample_arrays(wavelength: Array, flux: Array, config: PreprocessConfig) -> Resampled:
    """Rebin bare arrays to the fine grid as ``resample`` does, with the same errors.

    wavelength: (n,) Å, strictly ascending.
    flux: (n,) F_λ, finite, in any unit.
    config: the grids.
    """
    edges = config.fine_edges()
    # An overflow is found and reported below.
    with np.errstate(over="ignore", invalid="ignore"):
        rebinned = _mean_over_samples(wavelength, flux, edges)
    covered = _covered(wavelength, edges)
    scale = float(np.median(np.abs(flux))) or float(np.abs(flux).max()) or 1.0
    if not (math.isfinite(scale) and np.isfinite(rebinned).all()):
        raise SpectrumError("not_finite", "the flux has values too large to compute with")
    out = np.where(covered, rebinned / scale, 0.0).astype(np.float32)
    _check_coverage(covered, edges, config)
    return Resampled(np.clip(out, -1e4, 1e4), covered, scale)


def _mean_over_samples(wavelength: Array, flux: Array, edges: Array) -> Array:
    step = np.diff(wavelength)
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (flux[1:] + flux[:-1]) * step)])
    inside = np.clip(edges, wavelength[0], wavelength[-1])
    index = np.clip(np.searchsorted(wavelength, inside, side="right") - 1, 0, step.size - 1)
    along = inside - wavelength[index]
    slope = (flux[index + 1] - flux[index]) / step[index]
    integral = cumulative[index] + flux[index] * along + 0.5 * slope * along**2
    width = np.diff(inside)
    return np.divide(np.diff(integral), width, out=np.zeros_like(width), where=width > 0)


def _covered(wavelength: Array, edges: Array) -> NDArray[np.bool_]:
    centre = 0.5 * (edges[1:] + edges[:-1])
    covered: NDArray[np.bool_] = (centre >= wavelength[0]) & (centre <= wavelength[-1])
    step = np.diff(wavelength)
    gaps = np.flatnonzero(step > max(GAP_STEPS * float(np.median(step)), GAP_MIN_A))
    for gap in gaps:
        covered &= (centre <= wavelength[gap]) | (centre >= wavelength[gap + 1])
    return covered


def _check_coverage(covered: NDArray[np.bool_], edges: Array, config: PreprocessConfig) -> None:
    low, high = config.optical_range
    optical = np.clip(edges, low, high)
    total = float(np.diff(optical)[covered].sum())
    if total < config.need_optical_angstrom:
        raise SpectrumError(
            "insufficient_coverage",
            f"covers {total:.0f} Å of {low:.0f}-{high:.0f} Å; {config.need_optical_angstrom:.0f} Å are needed",
        )


def check_rest_coverage(resampled: Resampled, redshift: float, config: PreprocessConfig) -> None:
    """Raise SpectrumError("insufficient_coverage") if a redshift moves the spectrum off the network's grid."""
    edges = config.fine_edges() / (1 + redshift)
    on_grid = float(np.diff(np.clip(edges, config.first, config.last))[resampled.covered].sum())
    if on_grid * (1 + redshift) < config.need_optical_angstrom:
        raise SpectrumError(
            "insufficient_coverage",
            f"at z = {redshift:g} only {on_grid:.0f} Å (rest frame) lie within {config.first:.0f}-{config.last:.0f} Å",
        )
