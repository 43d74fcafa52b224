"""Outlines: the shape of a spectrum in a few numbers, for the small pictures in lists."""

from __future__ import annotations

import itertools
import statistics

import numpy as np
from numpy.typing import NDArray

POINTS = 96


def outline(wavelength: NDArray[np.float64], flux: NDArray[np.float64], points: int = POINTS) -> list[float | None]:
    """Return medians of the flux in equal steps of wavelength.

    wavelength: (n,) Å, ascending.
    flux: (n,) in any unit.
    points: largest number of steps.

    The medians are scaled so that their 2nd and 98th percentiles are 0 and 1. A step without a sample is None.
    """
    points = max(2, min(points, wavelength.size // 2))
    edges = np.linspace(wavelength[0], wavelength[-1], points + 1)
    bounds = np.searchsorted(wavelength, edges)
    bounds[-1] = wavelength.size
    # For these few samples each, numpy.median takes ten times as long.
    samples = flux.tolist()
    values = [statistics.median(samples[a:b]) if b > a else None for a, b in itertools.pairwise(bounds)]
    known = [value for value in values if value is not None]
    low, high = np.percentile(known, (2, 98))
    span = float(high - low) or 1.0
    return [None if v is None else round(min(max(float(v - low) / span, -0.1), 1.1), 3) for v in values]
