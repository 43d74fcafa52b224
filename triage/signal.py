"""How well a spectrum was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Å; about what the spectrographs that classify transients resolve. Finer samples are averaged, coarser ones kept.
BIN = 10.0
# Below this most of what is seen is noise, whatever class is found in it.
MOSTLY_NOISE = 2.0
# With fewer bins no scatter can be told.
_LEAST_BINS = 12


def signal_to_noise(wavelength: Array, flux: Array, flux_error: Array | None = None) -> float | None:
    """Median signal-to-noise ratio in bins of 10 Å; never negative, None where it cannot be told.

    With errors, the median over the bins of flux / error. Without them DER_SNR (Stoehr et al. 2008): the noise is the
    median of how far each bin lies from the mean of its neighbours two bins away, which features many bins wide
    hardly raise. wavelength (n,) Å ascending."""
    # Numbered without the empty ones: a spectrum with a far outlier has very many.
    place = np.unique(np.floor((wavelength - wavelength[0]) / BIN), return_inverse=True)[1]
    if flux_error is not None and np.mean(flux_error > 0) > 0.5:
        known = flux_error > 0
        place = np.unique(place[known], return_inverse=True)[1]
        errors = np.sqrt(np.bincount(place, flux_error[known] ** 2))
        return max(float(np.median(np.bincount(place, flux[known]) / errors)), 0.0)
    binned = np.bincount(place, flux) / np.bincount(place)
    if binned.size < _LEAST_BINS:
        return None
    scatter = np.abs(2 * binned[2:-2] - binned[:-4] - binned[4:])
    noise = 1.482602 / np.sqrt(6.0) * float(np.median(scatter))
    return max(float(np.median(binned)) / noise, 0.0) if noise > 0 else None
