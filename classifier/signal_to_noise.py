"""The signal-to-noise ratio of a spectrum."""

from __future__ import annotations

import dataclasses

import numpy as np

from classifier.spectrum import Array

# Width of a bin in Å, about what the spectrographs that classify transients resolve. Finer samples are averaged;
# coarser ones stay as they are.
BIN = 10.0
# A median ratio below this means that most of the spectrum is noise, whatever class is found in it ...
MOSTLY_NOISE = 2.0
# ... unless its strongest features reach this ratio. In pure noise one bin in a hundred lies beyond 2.6 σ.
STANDS_OUT = 5.0
# If the features reach less than this times what pure noise reaches, noise alone explains them.
FEATURELESS = 1.35
# Two neighbouring bins of pure noise hardly leave the continuum further than this, in σ of their mean.
_FURTHEST = 4.5
# Widths in bins: of features, and of what counts as the continuum.
_FEATURES, _CONTINUUM = (1, 5, 15), 81
# Percentile of the bins that counts as the peak: narrow emission lines fill few bins, and cosmic rays still fewer.
_HIGHEST = 99.0
# 1σ of a normal distribution in units of its median absolute deviation.
SIGMA_PER_MAD = 1.482602
# The scatter cannot be measured with fewer bins.
_LEAST_BINS = 12

# Why no class can be told from a spectrum, by the code of the warning.
NO_CLASS = {
    "mostly_noise": "mostly noise",
    "featureless": "no feature stands out of the noise",
}


@dataclasses.dataclass(frozen=True)
class Signal:
    """The signal-to-noise ratio in bins of 10 Å.

    Attributes:
        median: median over all bins, never negative.
        peak: ratio that one bin in a hundred exceeds, in emission or in absorption below a continuum that was taken
            out.
        features: how far lines and broad features leave the continuum, in units of what pure noise does; None if the
            spectrum is too short to tell.
    """

    median: float
    peak: float
    features: float | None = None

    @property
    def mostly_noise(self) -> bool:
        """Return whether the spectrum shows neither a continuum nor lines."""
        return self.median < MOSTLY_NOISE and self.peak < STANDS_OUT

    @property
    def warning(self) -> str:
        """Return the code of why no class can be told from the spectrum, a key of NO_CLASS, or "" if one can."""
        if self.mostly_noise:
            return "mostly_noise"
        return "featureless" if self.features is not None and self.features < FEATURELESS else ""

    @property
    def message(self) -> str:
        """Return the warning in words, or "" if there is none."""
        return f"{NO_CLASS[self.warning]}: do not rely on a class or redshift from it" if self.warning else ""


def signal_to_noise(wavelength: Array, flux: Array, flux_error: Array | None = None) -> Signal | None:
    """Return the signal-to-noise ratio in bins of 10 Å, or None if it cannot be measured.

    wavelength: (n,) Å, ascending.
    flux: (n,) in any unit.
    flux_error: (n,) 1σ in the unit of flux, or None. Errors are ignored if half of them or more are missing.

    With errors, the ratio of a bin is its flux over its error. Without them the noise is estimated as in DER_SNR
    (Stoehr et al. 2008): it is the median of how far each bin lies from the mean of its neighbours two bins away.
    Features many bins wide hardly raise it. Features are always compared with the scatter.
    """
    # Only bins that hold a sample are numbered, because a spectrum with a far outlier has very many empty ones.
    place = np.unique(np.floor((wavelength - wavelength[0]) / BIN), return_inverse=True)[1]
    by_scatter = _over_scatter(np.bincount(place, flux) / np.bincount(place))
    features = None if by_scatter is None else _features(by_scatter)
    if flux_error is not None and np.mean(flux_error > 0) > 0.5:
        known = flux_error > 0
        place = np.unique(place[known], return_inverse=True)[1]
        errors = np.sqrt(np.bincount(place, flux_error[known] ** 2))
        return _signal(np.bincount(place, flux[known]) / errors, features)
    return None if by_scatter is None else _signal(by_scatter, features)


def _over_scatter(binned: Array) -> Array | None:
    """Return binned fluxes (n,) over their scatter, or None if it cannot be measured."""
    if binned.size < _LEAST_BINS:
        return None
    scatter = np.abs(2 * binned[2:-2] - binned[:-4] - binned[4:])
    noise = SIGMA_PER_MAD / np.sqrt(6.0) * float(np.median(scatter))
    return binned / noise if noise > 0 else None


def _features(ratio: Array) -> float | None:
    """Return how far lines and broad features leave the continuum, in units of what pure noise does.

    ratio: (n,) flux of each bin over its scatter.

    A narrow line counts by the largest distance of two neighbouring bins from the continuum. Several lines count by the
    distance that one bin in a hundred exceeds, which is 2.576 σ in pure noise.
    Wider features count by the root mean square of means over so many bins, which is 1 σ of such means in pure noise.
    The largest counts.
    """
    if ratio.size < 1.5 * _CONTINUUM:
        return None
    edge = _CONTINUUM // 2
    continuum = _means(ratio, _CONTINUUM)
    narrow = np.abs(ratio[edge:-edge] - continuum)
    pairs = np.abs(_means(ratio[edge:-edge] - continuum, 2)) * np.sqrt(2)
    found = [float(pairs.max()) / _FURTHEST, float(np.percentile(narrow, 99)) / 2.576]
    for width in _FEATURES:
        left = _means(ratio, width)[edge - width // 2 :][: continuum.size] - continuum
        found.append(float(np.sqrt(np.mean(left**2) / (1 / width - 1 / _CONTINUUM))))
    return max(found)


def _means(ratio: Array, width: int) -> Array:
    return np.convolve(ratio, np.full(width, 1 / width), "valid")


def _signal(ratio: Array, features: float | None) -> Signal:
    return Signal(max(float(np.median(ratio)), 0.0), float(np.percentile(np.abs(ratio), _HIGHEST)), features)
