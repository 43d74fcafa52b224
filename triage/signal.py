"""How well a spectrum was measured."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Å; about what the spectrographs that classify transients resolve. Finer samples are averaged, coarser ones kept.
BIN = 10.0
# Below this most of what is seen is noise, whatever class is found in it.
MOSTLY_NOISE = 2.0
# Unless features stand out: of pure noise a hundredth of the bins lies beyond 2.6 σ.
STANDS_OUT = 5.0
# Of the bins, percent: narrow emission lines fill few of them, and cosmic rays still fewer.
_HIGHEST = 99.0
# With fewer bins no scatter can be told.
_LEAST_BINS = 12


@dataclasses.dataclass(frozen=True)
class Signal:
    """The signal-to-noise ratio in bins of 10 Å: its median, never negative, and what a hundredth of the bins reaches
    in flux or, below a continuum that was taken out, in absorption."""

    median: float
    peak: float

    @property
    def mostly_noise(self) -> bool:
        """Whether neither a continuum nor lines are seen."""
        return self.median < MOSTLY_NOISE and self.peak < STANDS_OUT


def signal_to_noise(wavelength: Array, flux: Array, flux_error: Array | None = None) -> Signal | None:
    """How far flux stands above the noise in bins of 10 Å; None where it cannot be told.

    With errors, the ratios are flux / error of each bin. Without them DER_SNR (Stoehr et al. 2008): the noise is the
    median of how far each bin lies from the mean of its neighbours two bins away, which features many bins wide
    hardly raise. wavelength (n,) Å ascending."""
    # Numbered without the empty ones: a spectrum with a far outlier has very many.
    place = np.unique(np.floor((wavelength - wavelength[0]) / BIN), return_inverse=True)[1]
    if flux_error is not None and np.mean(flux_error > 0) > 0.5:
        known = flux_error > 0
        place = np.unique(place[known], return_inverse=True)[1]
        errors = np.sqrt(np.bincount(place, flux_error[known] ** 2))
        return _signal(np.bincount(place, flux[known]) / errors)
    binned = np.bincount(place, flux) / np.bincount(place)
    if binned.size < _LEAST_BINS:
        return None
    scatter = np.abs(2 * binned[2:-2] - binned[:-4] - binned[4:])
    noise = 1.482602 / np.sqrt(6.0) * float(np.median(scatter))
    return _signal(binned / noise) if noise > 0 else None


def _signal(ratio: Array) -> Signal:
    return Signal(max(float(np.median(ratio)), 0.0), float(np.percentile(np.abs(ratio), _HIGHEST)))
