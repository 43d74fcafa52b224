"""What a network gives for a batch of spectra, and how its redshift head is read."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier.network import SpectraNetConfig

# "known": the redshift is known, and the spectrum is seen in both frames; "blind": in the observed frame alone.
Mode = Literal["known", "blind"]
MODES: tuple[Mode, ...] = ("known", "blind")


@dataclasses.dataclass(frozen=True, eq=False)
class Outputs:
    """logits: (n, classes); redshift, redshift_error: (n,) the network's estimate and 1σ; redshift_trust: (n,)
    probability mass near the estimate. Rows that the mode cannot run (no known redshift) are NaN."""

    logits: NDArray[np.float64]
    redshift: NDArray[np.float64]
    redshift_error: NDArray[np.float64]
    redshift_trust: NDArray[np.float64]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(n, classes), rows sum to 1."""
        return softmax(self.logits)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis; NaN rows stay NaN."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def both_frames(rest: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits of a spectrum with a known redshift, (n, classes), from its passes in both frames: the mean, for
    the two passes err differently. (Not of log-probabilities, which would lose the energy that tells the novelty.)"""
    return 0.5 * (rest + observed)


def redshift_from_bins(
    logits: NDArray[np.float64], config: SpectraNetConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(n, redshift_bins) → redshift, its 1σ and the probability mass within five bins of the peak, each (n,).

    The estimate is the mean of the distribution near its peak, not of all of it, for it may have several peaks."""
    p = softmax(logits)
    centres = np.arange(config.redshift_bins)
    kernel = np.array([0.25, 0.5, 0.25])
    smooth = np.apply_along_axis(np.convolve, 1, p, kernel, mode="same")
    near = np.abs(centres - smooth.argmax(1)[:, None]) <= 5
    local = p * near
    trust = local.sum(1)
    mean = (local * centres).sum(1) / trust
    variance = (local * (centres - mean[:, None]) ** 2).sum(1) / trust + 1 / 12
    log1pz = config.redshift_first + config.redshift_step * mean
    error = np.exp(log1pz) * config.redshift_step * np.sqrt(variance)
    return np.expm1(log1pz), error, trust
