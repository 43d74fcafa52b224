"""One answer for a transient from all its epochs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Epochs of one object err alike, so n of them count as n to this power, not as n.
INDEPENDENCE = 0.25
# An epoch as sure as this of a class that the others' answer finds less likely than that contradicts them.
SURE, UNLIKELY = 0.8, 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Fused:
    """probabilities: (classes,). contradictory: numbers of the epochs that speak against the answer."""

    probabilities: NDArray[np.float64]
    contradictory: list[int]


def fuse(probabilities: NDArray[np.float64], quality: Sequence[float] | None = None) -> Fused:
    """Combine calibrated probabilities of one transient's epochs, (epochs, classes), by their weighted mean logarithm.

    quality: a weight for each epoch, such as its signal-to-noise ratio; None weighs all alike. A sure epoch counts for
    more than a doubtful one by itself, for its logarithms are more unequal.
    """
    logarithms = np.log(np.clip(probabilities, 1e-4, 1.0))
    weights = np.ones(len(probabilities)) if quality is None else np.sqrt(np.clip(quality, 1.0, 100.0))
    total = (weights[:, None] * logarithms).sum(0) / weights.sum() * len(probabilities) ** INDEPENDENCE
    shifted = np.exp(total - total.max())
    fused: NDArray[np.float64] = shifted / shifted.sum()
    best = probabilities.argmax(1)
    against = [i for i in range(len(best)) if probabilities[i, best[i]] >= SURE and fused[best[i]] < UNLIKELY]
    return Fused(fused, against)
