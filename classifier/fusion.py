"""Fusion: one classification for a transient from the predictions of all its epochs."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

# Epochs of one transient share their errors, so n epochs count as n to this power and not as n.
INDEPENDENCE = 0.25
# An epoch contradicts the others if it gives its class at least SURE and the fused answer gives it less than UNLIKELY.
SURE, UNLIKELY = 0.8, 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Fused:
    """The fused answer.

    Attributes:
        probabilities: (classes,) summing to 1.
        contradictory: indices of the epochs that contradict it.
    """

    probabilities: NDArray[np.float64]
    contradictory: list[int]


def fuse(probabilities: NDArray[np.float64]) -> Fused:
    """Combine the probabilities of one transient's epochs by their mean logarithm.

    probabilities: (epochs, classes) calibrated probabilities.

    A sure epoch needs no larger weight: it counts for more because its logarithms differ more.
    """
    logarithms = np.log(np.clip(probabilities, 1e-4, 1.0))
    total = logarithms.mean(0) * len(probabilities) ** INDEPENDENCE
    shifted = np.exp(total - total.max())
    fused: NDArray[np.float64] = shifted / shifted.sum()
    best = probabilities.argmax(1)
    against = [i for i in range(len(best)) if probabilities[i, best[i]] >= SURE and fused[best[i]] < UNLIKELY]
    return Fused(fused, against)
