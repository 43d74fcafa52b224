"""Calibration: turns a network's raw outputs into calibrated probabilities, conformal sets and a novelty.

It is fitted once for each mode, on objects that neither trained the network nor stopped its training.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.outputs import MODES, Mode, Outputs, softmax
from classifier.taxonomy import load_taxonomy

# A conformal set misses the truth in this share of cases.
MISS = 0.1
# Classes with fewer calibration spectra than this look to their group's threshold too.
CONFORMAL_MIN = 30
# A class below this probability is in no set.
LEAST_THRESHOLD = 0.01
# An object of m spectra weighs m^(1 - OBJECT_POWER) in the fit of temperature and bias, so that no single one decides a
# rare class; BIAS_PENALTY holds the bias near 0. Both chosen by cross-validation within the calibration objects.
OBJECT_POWER, BIAS_PENALTY = 0.5, 10.0
# The least sure of the redshifts, this share, are not given.
REDSHIFT_REJECTED = 0.1


@dataclasses.dataclass(frozen=True)
class ModeCalibration:
    """Fitted numbers of one mode.

    temperature: divides the raw logits.
    bias: (classes,) is added after that.
    thresholds: (classes,) least probability with which a class enters the conformal set.
    energy: quantiles (101 of them) of -logsumexp(logits) over the calibration spectra.
    """

    temperature: float
    bias: tuple[float, ...]
    thresholds: tuple[float, ...]
    energy: tuple[float, ...]

    def logits(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated logits, raw / temperature + bias, for raw ones of shape (n, classes)."""
        result: NDArray[np.float64] = raw / self.temperature + np.array(self.bias)
        return result

    def conformal_set(self, probabilities: NDArray[np.float64], names: Sequence[str]) -> list[str]:
        """Return the classes of the 90 % set, the most probable first. It is never empty.

        probabilities: (classes,) calibrated probabilities.
        names: names of the classes.
        """
        order = np.argsort(-probabilities)
        inside = [names[i] for i in order if probabilities[i] >= self.thresholds[i]]
        top = names[order[0]]
        return inside if top in inside else [top, *inside]

    def novelty(self, raw: NDArray[np.float64]) -> float:
        """Return the share (0..1) of calibration spectra that the network found more familiar.

        raw: (classes,) raw logits of one spectrum.
        """
        return float(np.interp(energy(raw[None])[0], self.energy, np.linspace(0, 1, len(self.energy))))


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Calibration of both modes and of the redshift head.

    known: for spectra with a known redshift.
    blind: for spectra without one.
    redshift_error_scale: multiplies the redshift head's 1σ error.
    redshift_trust_min: an estimate with less probability near it than this is not given.
    """

    known: ModeCalibration
    blind: ModeCalibration
    redshift_error_scale: float
    redshift_trust_min: float

    def of(self, mode: Mode) -> ModeCalibration:
        """Return the calibration of one mode."""
        return self.known if mode == "known" else self.blind

    def apply_to(self, outputs: Outputs, mode: Mode) -> Outputs:
        """Return calibrated logits and redshift errors. Redshifts that are not trusted become NaN."""
        trusted = outputs.redshift_trust >= self.redshift_trust_min
        return Outputs(
            self.of(mode).logits(outputs.logits),
            np.where(trusted, outputs.redshift, np.nan),
            outputs.redshift_error * self.redshift_error_scale,
            outputs.redshift_trust,
        )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        """Return the calibration that ``to_dict`` wrote, also after JSON has turned its tuples into lists."""
        modes: dict[str, Any] = {mode: _mode_from_dict(content[mode]) for mode in MODES}
        return cls(**{**content, **modes})


def _mode_from_dict(content: dict[str, Any]) -> ModeCalibration:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in content.items()}
    return ModeCalibration(**fields)


def fit_calibration(
    outputs: Mapping[Mode, Outputs],
    labels: NDArray[np.int_],
    redshift: NDArray[np.float64],
    object_ids: Sequence[str],
) -> Calibration:
    """Fit the calibration on a network's outputs for n spectra.

    outputs: raw outputs of both modes for the same spectra.
    labels: (n,) index of the true class, or -1 without one.
    redshift: (n,) true redshift, NaN if unknown.
    object_ids: n names of objects; an object with many spectra weighs less than its number of spectra.
    """
    spectra_of = Counter(object_ids)
    weights = np.array([spectra_of[object_id] ** -OBJECT_POWER for object_id in object_ids])
    modes = {mode: _fit_mode(outputs[mode], labels, weights) for mode in MODES}
    blind = outputs["blind"]
    known = np.isfinite(redshift) & (labels >= 0)
    trust_min = float(np.quantile(blind.redshift_trust[known], REDSHIFT_REJECTED))
    sure = known & (blind.redshift_trust >= trust_min)
    # Stars, whose redshift is easy, would make the error of the others look too small.
    taxonomy = load_taxonomy()
    galactic = [i for i, name in enumerate(taxonomy.trained) if taxonomy[name].group == "Galactic"]
    pulls = ((blind.redshift - redshift) / blind.redshift_error)[sure & ~np.isin(labels, galactic)]
    return Calibration(modes["known"], modes["blind"], float(1.48 * np.median(np.abs(pulls))), trust_min)


def _fit_mode(outputs: Outputs, labels: NDArray[np.int_], weights: NDArray[np.float64]) -> ModeCalibration:
    rows = (labels >= 0) & np.isfinite(outputs.logits).all(1)
    raw, truth = outputs.logits[rows], labels[rows]
    temperature, bias = _fit_scaling(raw, truth, weights[rows])
    probabilities = softmax(raw / temperature + bias)
    quantiles = np.quantile(energy(raw), np.linspace(0, 1, 101))
    return ModeCalibration(
        temperature, tuple(bias.tolist()), tuple(_thresholds(probabilities, truth).tolist()), tuple(quantiles.tolist())
    )


def _fit_scaling(
    raw: NDArray[np.float64], truth: NDArray[np.int_], weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the temperature and the biases of least weighted cross-entropy.

    The biases are held near 0, because rare classes have few spectra.
    """
    logits, labels, weight = torch.from_numpy(raw), torch.from_numpy(truth), torch.from_numpy(weights / weights.sum())
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(raw.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_t, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        each = torch.nn.functional.cross_entropy(logits / log_t.exp() + bias, labels, reduction="none")
        loss = (weight * each).sum() + BIAS_PENALTY * (bias**2).sum() / len(labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return float(log_t.exp().detach()), bias.detach().numpy()


def _thresholds(probabilities: NDArray[np.float64], truth: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return the thresholds of the conformal sets, (classes,) (class-conditional split conformal; Sadinle et al. 2019).

    The threshold of a class is the ⌊MISS (n + 1)⌋-th smallest probability that its n spectra got for it. A class with
    fewer than CONFORMAL_MIN spectra takes the lower of its own threshold and that of its group. It never takes the
    threshold of all spectra, which the commonest class decides.
    """
    taxonomy = load_taxonomy()
    groups = [taxonomy[name].group for name in taxonomy.trained]
    of_truth = probabilities[np.arange(len(truth)), truth]
    result = np.zeros(len(groups))
    for label, group in enumerate(groups):
        members = [i for i, other in enumerate(groups) if other == group]
        own = _quantile(of_truth[truth == label])
        if (truth == label).sum() < CONFORMAL_MIN:
            pooled = _quantile(of_truth[np.isin(truth, members)])
            own = min((value for value in (own, pooled) if value is not None), default=None)
        result[label] = LEAST_THRESHOLD if own is None else max(own, LEAST_THRESHOLD)
    return result


def _quantile(probabilities: NDArray[np.float64]) -> float | None:
    rank = int(np.floor(MISS * (len(probabilities) + 1))) - 1
    return float(np.sort(probabilities)[rank]) if rank >= 0 else None


def energy(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return -logsumexp of raw logits (n, classes) as (n,). It is high for unfamiliar spectra (Liu et al. 2020)."""
    top = raw.max(1)
    result: NDArray[np.float64] = -top - np.log(np.exp(raw - top[:, None]).sum(1))
    return result
