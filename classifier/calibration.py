"""Calibration: turns a network's raw outputs into calibrated probabilities, conformal sets and a novelty.

It is fitted once for each mode, on spectra that the answering network never saw. Each object counts once: a spectrum
weighs 1/m, where m is the number of spectra of its object.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.novelty import energy, fit_novelty, share_below, unfamiliarity
from classifier.outputs import MODES, Mode, Outputs, softmax
from classifier.taxonomy import Taxonomy
from classifier.weights import object_weights, weighted_quantile

# A conformal set misses the truth in this share of cases.
MISS = 0.1
# Classes with fewer calibration objects than this look to their group's threshold too.
CONFORMAL_MIN = 30
# A class below this probability is in no set.
LEAST_THRESHOLD = 0.01
# Strength with which the biases are held near 0, because rare classes have few objects.
BIAS_PENALTY = 10.0
# An ensemble of M members errs less than one member, so it needs that member's temperature times
# 1 - ENSEMBLE_GAIN (1 - 1/M). Measured on objects that none of three members had seen (docs/experiments.md).
ENSEMBLE_GAIN = 0.037
# The least sure of the redshifts, this share, are not given.
REDSHIFT_REJECTED = 0.07
# |Δz| / (1 + z) below this, 15 km/s, says nothing of the error: archives round their redshifts.
LEAST_DEVIATION = 5e-5
# Largest power of the stated error that is fitted.
MOST_POWER = 3.0


@dataclasses.dataclass(frozen=True)
class ModeCalibration:
    """Fitted numbers of one mode.

    temperature: divides the raw logits.
    bias: (classes,) is added after that.
    thresholds: (classes,) least probability with which a class enters the conformal set.
    energy: quantiles (101 of them) of -logsumexp(logits) over the calibration objects.
    distance: the same of the distance to the references; () for a checkpoint without references.
    unfamiliarity: the same of the mean of both shares (see classifier.novelty); () likewise.
    """

    temperature: float
    bias: tuple[float, ...]
    thresholds: tuple[float, ...]
    energy: tuple[float, ...]
    distance: tuple[float, ...] = ()
    unfamiliarity: tuple[float, ...] = ()

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

    def novelty(self, outputs: Outputs) -> NDArray[np.float64]:
        """Return the share (0..1) of calibration objects that the network found more familiar, (n,).

        outputs: raw outputs of n spectra.

        Without references the energy alone tells how familiar a spectrum is.
        """
        by_energy = share_below(energy(outputs.logits), self.energy)
        if not self.distance:
            return by_energy
        by_distance = share_below(outputs.distance, self.distance)
        return share_below(unfamiliarity(by_energy, by_distance), self.unfamiliarity)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Calibration of both modes and of the redshift head.

    known: for spectra with a known redshift.
    blind: for spectra without one.
    redshift_error_scale: multiplies the redshift head's relative 1σ error, σ/(1 + z), after its power.
    redshift_trust_min: an estimate with less probability near it than this is not given.
    redshift_error_power: power of that relative error. It is above 1, because where the head is sure it is surer than
        it says.
    redshift_error_galactic: the relative 1σ error of what is more probably Galactic than not, or None to treat it as
        the rest. It says how far the redshift is from the archive's, which is 0 for most stars.
    galactic: indices of the Galactic classes.
    """

    known: ModeCalibration
    blind: ModeCalibration
    redshift_error_scale: float
    redshift_trust_min: float
    redshift_error_power: float = 1.0
    redshift_error_galactic: float | None = None
    galactic: tuple[int, ...] = ()

    def of(self, mode: Mode) -> ModeCalibration:
        """Return the calibration of one mode."""
        return self.known if mode == "known" else self.blind

    def apply_to(self, outputs: Outputs, mode: Mode) -> Outputs:
        """Return calibrated logits and redshift errors. Redshifts that are not trusted become NaN."""
        trusted = outputs.redshift_trust >= self.redshift_trust_min
        logits = self.of(mode).logits(outputs.logits)
        relative = self.redshift_error_scale * _relative_error(outputs) ** self.redshift_error_power
        if self.redshift_error_galactic is not None:
            near = softmax(logits)[:, list(self.galactic)].sum(1) > 0.5
            relative = np.where(near, self.redshift_error_galactic, relative)
        return Outputs(
            logits,
            np.where(trusted, outputs.redshift, np.nan),
            relative * (1 + outputs.redshift),
            outputs.redshift_trust,
            outputs.distance,
        )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        """Return the calibration that ``to_dict`` wrote, also after JSON has turned its tuples into lists."""
        modes: dict[str, Any] = {mode: _mode_from_dict(content[mode]) for mode in MODES}
        return cls(**{**content, **modes, "galactic": tuple(content.get("galactic", ()))})


def _mode_from_dict(content: dict[str, Any]) -> ModeCalibration:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in content.items()}
    return ModeCalibration(**fields)


def fit_calibration(
    outputs: Mapping[Mode, Outputs],
    labels: NDArray[np.int_],
    redshift: NDArray[np.float64],
    object_ids: Sequence[str] | NDArray[np.str_],
    taxonomy: Taxonomy,
    *,
    members: int = 1,
) -> Calibration:
    """Fit the calibration on outputs for n spectra.

    outputs: raw outputs of both modes for the same spectra.
    labels: (n,) index of the true class, or -1 without one.
    redshift: (n,) true redshift, NaN if unknown.
    object_ids: n names of objects.
    taxonomy: the classes, whose trained ones are those of the labels.
    members: number of members of the ensemble that the calibration is for, if each row was answered by one of them.
        Leave it at 1 if the rows were answered as they will be.
    """
    ids = np.array(object_ids)
    groups = [taxonomy[name].group for name in taxonomy.trained]
    modes = {mode: _fit_mode(outputs[mode], labels, ids, groups, members) for mode in MODES}
    blind = outputs["blind"]
    known = np.isfinite(redshift) & (labels >= 0) & np.isfinite(blind.redshift)
    if not known.any():
        return Calibration(modes["known"], modes["blind"], 1.0, 1.0)
    trust_min = weighted_quantile(blind.redshift_trust[known], REDSHIFT_REJECTED, object_weights(ids[known]))
    sure = known & (blind.redshift_trust >= trust_min)
    # Stars, whose redshift is easy, would make the error of the others look too small.
    galactic = tuple(i for i, group in enumerate(groups) if group == "Galactic")
    near = sure & np.isin(labels, galactic)
    distant = sure & ~near
    deviation = np.abs(blind.redshift - redshift) / (1 + redshift)
    scale, power = _fit_errors(deviation[distant], _relative_error(blind)[distant], object_weights(ids[distant]))
    of_near = _one_sigma(deviation[near], object_weights(ids[near])) if near.any() else None
    return Calibration(modes["known"], modes["blind"], scale, trust_min, power, of_near, galactic)


def _relative_error(outputs: Outputs) -> NDArray[np.float64]:
    """Return the redshift head's σ / (1 + z), (n,)."""
    result: NDArray[np.float64] = outputs.redshift_error / (1 + outputs.redshift)
    return result


def _fit_errors(
    deviation: NDArray[np.float64], stated: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return scale and power for which scale x stated^power is the 1σ error of deviations.

    deviation: (n,) |Δz| / (1 + z). stated: (n,) σ / (1 + z) of the head. weights: (n,).

    The power is the slope of the logarithms, in which a few outliers weigh little.
    """
    if not deviation.size:
        return 1.0, 1.0
    spread = np.ptp(stated) > 1e-6
    logs = np.log(np.maximum(deviation, LEAST_DEVIATION))
    power = float(np.polyfit(np.log(stated), logs, 1, w=np.sqrt(weights))[0]) if spread else 1.0
    power = min(max(power, 1.0), MOST_POWER)
    return _one_sigma(deviation / stated**power, weights), power


def _one_sigma(deviation: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return 1.48 times the weighted median, which is the 1σ error of normal deviations; never 0."""
    return max(1.48 * weighted_quantile(deviation, 0.5, weights), LEAST_DEVIATION)


def _fit_mode(
    outputs: Outputs, labels: NDArray[np.int_], object_ids: NDArray[np.str_], groups: Sequence[str], members: int
) -> ModeCalibration:
    rows = (labels >= 0) & np.isfinite(outputs.logits).all(1)
    raw, truth, weights = outputs.logits[rows], labels[rows], object_weights(object_ids[rows])
    temperature, bias = _fit_scaling(raw, truth, weights)
    thresholds = _thresholds(softmax(raw / temperature + bias), truth, weights, groups)
    temperature *= 1 - ENSEMBLE_GAIN * (1 - 1 / members)
    quantiles = fit_novelty(outputs.take(np.flatnonzero(rows)), weights)
    return ModeCalibration(temperature, tuple(bias.tolist()), tuple(thresholds.tolist()), **quantiles)


def _fit_scaling(
    raw: NDArray[np.float64], truth: NDArray[np.int_], weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the temperature and the biases of least weighted cross-entropy.

    weights: (n,) whose sum is the number of objects.
    """
    objects = float(weights.sum())
    logits, labels, weight = torch.from_numpy(raw), torch.from_numpy(truth), torch.from_numpy(weights / objects)
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(raw.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_t, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        each = torch.nn.functional.cross_entropy(logits / log_t.exp() + bias, labels, reduction="none")
        loss = (weight * each).sum() + BIAS_PENALTY * (bias**2).sum() / objects
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return float(log_t.exp().detach()), bias.detach().numpy()


def _thresholds(
    probabilities: NDArray[np.float64], truth: NDArray[np.int_], weights: NDArray[np.float64], groups: Sequence[str]
) -> NDArray[np.float64]:
    """Return the thresholds of the conformal sets, (classes,) (class-conditional split conformal; Sadinle et al. 2019).

    The threshold of a class is the ⌊MISS (n + 1)⌋-th smallest probability that its n objects got for it. A class with
    fewer than CONFORMAL_MIN objects takes the lower of its own threshold and that of its group. It never takes the
    threshold of all objects, which the commonest class decides.

    weights: (n,) whose sum is the number of objects.
    groups: group of each class.
    """
    of_truth = probabilities[np.arange(len(truth)), truth]
    result = np.zeros(len(groups))
    for label, group in enumerate(groups):
        members = [i for i, other in enumerate(groups) if other == group]
        mine, together = truth == label, np.isin(truth, members)
        own = _conformal_quantile(of_truth[mine], weights[mine])
        if weights[mine].sum() < CONFORMAL_MIN:
            pooled = _conformal_quantile(of_truth[together], weights[together])
            own = min((value for value in (own, pooled) if value is not None), default=None)
        result[label] = LEAST_THRESHOLD if own is None else max(own, LEAST_THRESHOLD)
    return result


def _conformal_quantile(probabilities: NDArray[np.float64], weights: NDArray[np.float64]) -> float | None:
    """Return the greatest of the probabilities that has few enough objects below it, or None if there are too few."""
    order = np.argsort(probabilities)
    below = np.cumsum(weights[order]) - weights[order]
    allowed = probabilities[order][below <= MISS * (weights.sum() + 1) - 1 + 1e-9]
    return float(allowed[-1]) if allowed.size else None
