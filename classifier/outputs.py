"""Outputs of a network for a batch of spectra, and the reading of its redshift head."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from classifier.network import SpectraNetConfig

# "known": the redshift is known, and the spectrum is seen in both frames; "blind": in the observed frame alone.
Mode = Literal["known", "blind"]
MODES: tuple[Mode, ...] = ("known", "blind")


@dataclasses.dataclass(frozen=True, eq=False)
class Outputs:
    """Outputs for n spectra. Rows that a mode cannot run, because no redshift is known, are NaN.

    logits: (n, classes).
    redshift: (n,) the network's estimate.
    redshift_error: (n,) its 1σ error.
    redshift_trust: (n,) probability near the estimate.
    distance: (n,) distance to the references in the observed frame (see classifier.references), NaN without any.
    """

    logits: NDArray[np.float64]
    redshift: NDArray[np.float64]
    redshift_error: NDArray[np.float64]
    redshift_trust: NDArray[np.float64]
    distance: NDArray[np.float64]

    def take(self, rows: NDArray[np.int_]) -> Self:
        """Return the outputs of some rows."""
        return type(self)(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))

    @classmethod
    def assembled(cls, parts: Iterable[tuple[NDArray[np.int_], Self]]) -> Self:
        """Return the outputs of n spectra from pairs of row numbers and their outputs, which cover each row once."""
        numbers, outputs = zip(*parts, strict=True)
        order = np.argsort(np.concatenate(numbers))
        fields = [np.concatenate([getattr(o, field.name) for o in outputs]) for field in dataclasses.fields(cls)]
        return cls(*(values[order] for values in fields))

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Return the probabilities, (n, classes); each row sums to 1."""
        return softmax(self.logits)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis; NaN rows stay NaN."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def both_frames(rest: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logits (n, classes) of spectra with a known redshift, as the mean of their passes in both frames.

    The two passes err differently, so their mean is better. It is the mean of logits and not of log-probabilities,
    because the energy, from which the novelty is read, would be lost.
    """
    return 0.5 * (rest + observed)


def redshift_from_bins(
    logits: NDArray[np.float64], config: SpectraNetConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return redshift, 1σ error and the probability within five bins of the peak, each (n,), from (n, redshift_bins)
    logits.

    The distribution may have several peaks, so the estimate is its mean near the highest one. Without a redshift head
    all are NaN. A head of one value gives it as the redshift, without an error.
    """
    unknown = np.full(len(logits), np.nan)
    if config.redshift == "none":
        return unknown, unknown, unknown
    if config.redshift == "softplus":
        return logits[:, 0], unknown, unknown
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
