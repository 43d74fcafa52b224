"""The interval of a share that was counted."""

from __future__ import annotations

import math

_Z = 1.959964


def wilson(hits: float, total: float) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    hits: number, or sum of weights, that the share counts.
    total: number of trials, or the sum of all weights; more than 0.
    """
    hits = min(hits, total)  # sums of weights may be too large by rounding
    centre = (hits + _Z**2 / 2) / (total + _Z**2)
    half = _Z / (total + _Z**2) * math.sqrt(hits * (total - hits) / total + _Z**2 / 4)
    return max(centre - half, 0.0), min(centre + half, 1.0)
