"""Weights with which each object counts once, however many spectra it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def object_weights(object_ids: Sequence[str] | NDArray[np.str_]) -> NDArray[np.float64]:
    """Return weights (n,) with which each object counts once: 1/m for each of its m spectra among the n."""
    _, place, counts = np.unique(np.asarray(object_ids), return_inverse=True, return_counts=True)
    result: NDArray[np.float64] = 1 / counts[place]
    return result


def weighted_quantile(values: NDArray[np.float64], share: float, weights: NDArray[np.float64]) -> float:
    """Return the value (n,) below which this share of the weights (n,) lies."""
    return float(np.quantile(values, share, weights=weights, method="inverted_cdf"))
