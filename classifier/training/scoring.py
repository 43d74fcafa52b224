"""Figures of a network's outputs for labelled spectra. Each object counts once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.outputs import Outputs
from classifier.training.dataset import LabelledSpectra
from classifier.weights import object_weights, weighted_quantile

# |Δz| / (1 + z) beyond this is an outlier.
OUTLIER = 0.02
# A class with fewer spectra or objects than this does not count in macro-F1, unless all are that small.
MACRO_MIN_SPECTRA, MACRO_MIN_OBJECTS = 10, 4
BOOTSTRAPS = 500


def score(outputs: Outputs, data: LabelledSpectra, names: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, macro-F1, figures by class, confusion, ECE and redshift, in which each object counts once.

    A spectrum weighs 1/m, where m is the number of spectra of its object. "intervals" holds the 95 % intervals of
    accuracy and macro-F1, and "by_spectrum" the figures in which each spectrum counts once.
    """
    labels = data.labels.numpy()
    rows = np.flatnonzero((labels >= 0) & np.isfinite(outputs.logits).all(1))
    probabilities, truth = outputs.probabilities[rows], labels[rows]
    predicted = probabilities.argmax(1)
    ids = np.array(data.object_ids)[rows]
    weights = object_weights(ids)
    by_object = confusion_of_objects(truth, predicted, ids, len(names))
    counted = counted_classes(truth, ids, len(names))
    confusion = by_object.sum(0)
    sure, right = probabilities.max(1), predicted == truth
    alone = np.zeros_like(confusion)
    np.add.at(alone, (truth, predicted), 1)
    return {
        "spectra": len(rows),
        "objects": len(by_object),
        "accuracy": accuracy(confusion),
        "macro_f1": macro_f1(confusion, counted),
        "ece": expected_calibration_error(sure, right, weights),
        "intervals": bootstrap_intervals(by_object, counted),
        "by_spectrum": {
            "accuracy": accuracy(alone),
            "macro_f1": macro_f1(alone, counted),
            "ece": expected_calibration_error(sure, right, np.ones(len(rows))),
        },
        "classes": class_figures(confusion, alone.sum(1), names),
        "confusion": confusion.round(3).tolist(),
        "names": list(names),
        "redshift": redshift_figures(outputs, data),
    }


def confusion_of_objects(
    truth: NDArray[np.int_], predicted: NDArray[np.int_], object_ids: NDArray[np.str_], classes: int
) -> NDArray[np.float64]:
    """Return each object's confusion matrix, (objects, classes true, classes predicted), of sum 1."""
    unique, place = np.unique(object_ids, return_inverse=True)
    result = np.zeros((len(unique), classes, classes))
    np.add.at(result, (place, truth, predicted), object_weights(object_ids))
    return result


def counted_classes(truth: NDArray[np.int_], object_ids: NDArray[np.str_], classes: int) -> NDArray[np.int_]:
    """Return the classes that count in macro-F1: those with enough spectra and objects, or all present if none has."""
    spectra = np.bincount(truth, minlength=classes)
    objects = np.array([len(set(object_ids[truth == label])) for label in range(classes)])
    enough = (spectra >= MACRO_MIN_SPECTRA) & (objects >= MACRO_MIN_OBJECTS)
    return np.flatnonzero(enough if enough.any() else spectra > 0)


def accuracy(confusion: NDArray[np.float64]) -> float:
    """Return the share of a confusion matrix on its diagonal."""
    return float(np.trace(confusion) / confusion.sum())


def macro_f1(confusion: NDArray[np.float64], counted: NDArray[np.int_]) -> float:
    """Return the mean F1 of some classes of a confusion matrix; a class that does not occur has 0."""
    both = confusion.sum(0) + confusion.sum(1)
    return float((2 * np.diag(confusion)[counted] / np.maximum(both[counted], 1e-12)).mean())


def bootstrap_intervals(by_object: NDArray[np.float64], counted: NDArray[np.int_]) -> dict[str, list[float]]:
    """Return the 95 % intervals of accuracy and macro-F1 from a bootstrap over objects (Efron 1979).

    by_object: each object's confusion matrix, (objects, classes, classes).
    """
    objects, classes, _ = by_object.shape
    draws = np.random.default_rng(1).multinomial(objects, np.full(objects, 1 / objects), size=BOOTSTRAPS)
    drawn = (draws @ by_object.reshape(objects, -1)).reshape(-1, classes, classes)
    figures = {
        "accuracy": [accuracy(confusion) for confusion in drawn],
        "macro_f1": [macro_f1(confusion, counted) for confusion in drawn],
    }
    return {name: np.quantile(values, [0.025, 0.975]).tolist() for name, values in figures.items()}


def class_figures(
    confusion: NDArray[np.float64], spectra: NDArray[np.float64], names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return recall, precision and F1 of each class that occurs. A ratio without a denominator is None, and F1 is then
    0.

    confusion: (classes, classes) with each object counted once.
    spectra: (classes,) number of spectra.
    """
    figures = {}
    for i, name in enumerate(names):
        right, given, true = confusion[i, i], confusion[:, i].sum(), confusion[i].sum()
        if true:
            figures[name] = {
                "spectra": int(spectra[i]),
                "objects": round(float(true), 1),
                "recall": float(right / true),
                "precision": float(right / given) if given else None,
                "f1": float(2 * right / (given + true)),
            }
    return figures


def expected_calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64], bins: int = 15
) -> float:
    """Return the mean |accuracy - confidence| over bins of confidence, weighted by what they hold (Guo et al. 2017)."""
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    surplus = np.bincount(number, weights * (right - confidence), bins)
    return float(np.abs(surplus).sum() / weights.sum())


def redshift_figures(outputs: Outputs, data: LabelledSpectra) -> dict[str, Any]:
    """Return bias, σ_NMAD = 1.48 median|δ|, outliers and RMS of δ = Δz / (1 + z), each object counted once.

    They are over labelled rows with a redshift that the network trusts; ``given`` is the share of such rows.
    ``pull_width`` is None for a network that gives no errors.
    """
    ids = np.array(data.object_ids)
    truth = data.redshift.numpy()
    known = np.isfinite(truth) & (data.labels.numpy() >= 0)
    trusted = known & np.isfinite(outputs.redshift)
    delta = ((outputs.redshift - truth) / (1 + truth))[trusted]
    pulls = ((outputs.redshift - truth) / outputs.redshift_error)[trusted]
    if not delta.size:
        return {"given": 0.0}
    weights = object_weights(ids[trusted])
    return {
        "given": float(np.average(trusted[known], weights=object_weights(ids[known]))),
        "bias": weighted_quantile(delta, 0.5, weights),
        "sigma_nmad": 1.48 * weighted_quantile(np.abs(delta), 0.5, weights),
        "outliers": float(np.average(np.abs(delta) > OUTLIER, weights=weights)),
        "rms": float(np.sqrt(np.average(delta**2, weights=weights))),
        "pull_width": 1.48 * weighted_quantile(np.abs(pulls), 0.5, weights) if np.isfinite(pulls).all() else None,
    }
