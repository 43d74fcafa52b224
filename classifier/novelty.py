"""Novelty: how unlike the known spectra one is, from the network's energy and the distance to the references."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.outputs import Outputs
from classifier.weights import weighted_quantile

# Weight of the energy in the unfamiliarity; the distance has the rest. Chosen on classes that were held out of a
# training (docs/experiments.md).
ENERGY_WEIGHT = 0.3


def fit_novelty(outputs: Outputs, weights: NDArray[np.float64]) -> dict[str, tuple[float, ...]]:
    """Return the quantiles that a ModeCalibration reads the novelty from.

    outputs: raw outputs of n spectra that the answering network never saw.
    weights: (n,) how much each counts.
    """
    energies = energy(outputs.logits)
    found = {"energy": _percentiles(energies, weights)}
    if np.isfinite(outputs.distance).all():
        found["distance"] = _percentiles(outputs.distance, weights)
        by_energy, by_distance = (
            share_below(values, found[name]) for name, values in (("energy", energies), ("distance", outputs.distance))
        )
        found["unfamiliarity"] = _percentiles(unfamiliarity(by_energy, by_distance), weights)
    return found


def unfamiliarity(by_energy: NDArray[np.float64], by_distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean of two shares, each (n,): they find different strangers."""
    return ENERGY_WEIGHT * by_energy + (1 - ENERGY_WEIGHT) * by_distance


def _percentiles(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, ...]:
    """Return 101 quantiles of values (n,), from the least to the greatest."""
    return tuple(weighted_quantile(values, share, weights) for share in np.linspace(0, 1, 101))


def share_below(values: NDArray[np.float64], quantiles: Sequence[float]) -> NDArray[np.float64]:
    """Return the share (0..1) of a distribution that lies below each of the values, (n,)."""
    return np.interp(values, quantiles, np.linspace(0, 1, len(quantiles)))


def energy(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return -logsumexp of raw logits (n, classes) as (n,). It is high for unfamiliar spectra (Liu et al. 2020)."""
    top = raw.max(1)
    result: NDArray[np.float64] = -top - np.log(np.exp(raw - top[:, None]).sum(1))
    return result
