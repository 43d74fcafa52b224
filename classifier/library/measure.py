"""Measuring what named matches are worth, on the library itself: each spectrum with its own object left out.

The spectra are compared at their own redshift and at one with the errors of a network's, as they are and with noise.
Two things are measured: how often the class of the best match is right, and how far the phase that the matches give
lies from the spectrum's own.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from classifier.crosscheck import weighted_terms
from classifier.errors import SpectrumError
from classifier.flattening import with_noise
from classifier.library.library import Library
from classifier.library.matching import COMPARED_AT_ONCE, Matcher, NamedMatch
from classifier.library.trust import features, phase_of, raw_phase, trust_by
from classifier.weights import object_weights
from classifier.wilson import wilson

Rows = NDArray[np.int64]

REDSHIFTS = ("known", "estimated")
# Signal-to-noise ratios in a sample of 500 km/s (about 10 Å); None leaves a spectrum as it is.
RATIOS = (None, 10.0, 5.0)
# Number of spectra of an object that are measured as they are, and with noise or at an estimated redshift.
MOST, MOST_CHANGED = 8, 1
# Errors of a network's redshift, Δz / (1 + z): Student's t, with the σ_NMAD (0.0018) and the share beyond 0.02 (1.6 %)
# that the model card gives for blind spectra. Larger errors than the last figure are cut to it.
ERROR_FREEDOM, ERROR_SCALE, MOST_REDSHIFT_ERROR = 1.4, 0.00138, 0.3
# Strength with which the coefficients of trust are held near 0; those of the classes more, as some have few objects.
PENALTY, CLASS_PENALTY = 1e-3, 3.0
# Parts of the objects; the trust of each part is judged as a fit to the other parts states it.
FOLDS = 10
# A class whose errors, in units of the stated ones, are wider than this gets no phase.
MOST_PULL = 1.5
# Floors (days) and scales that the error of a phase is chosen from.
FLOORS, SCALES = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0), (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
# Edges of the ranges of trust in the report.
EDGES = (0.0, 0.5, 0.7, 0.9, 0.97, 1.01)


@dataclasses.dataclass(frozen=True)
class Tried:
    """One spectrum, matched with its own object left out.

    row: its row in the library.
    redshift: one of REDSHIFTS.
    ratio: one of RATIOS.
    weight: weight with which each object counts once among those that were tried alike.
    matches: named matches, best first; at least one.
    """

    row: int
    redshift: str
    ratio: float | None
    weight: float
    matches: list[NamedMatch]


def measure(library: Library, device: torch.device | None = None) -> Library:
    """Return the library with its trust. The same library gets the same figures each time.

    Raises SpectrumError ("too_small") with fewer than two objects of a known class.
    """
    many, few = _rows(library, MOST), _rows(library, MOST_CHANGED)
    if len(set(library.owner[many])) < 2:
        raise SpectrumError("too_small", "a library is measured with two objects or more whose class is known")
    matcher, tried = Matcher(library, device), list[Tried]()
    with tqdm(total=len(many) + 5 * len(few), desc="leaving one out", unit="spectra", mininterval=2) as bar:
        for redshift, ratio in itertools.product(REDSHIFTS, RATIOS):
            rows = many if (redshift, ratio) == ("known", None) else few
            tried += _leave_one_out(matcher, rows, redshift, ratio, bar)
    trust: dict[str, Any] = {"class_right": {}, "phase": {}, "measured": {"phase": {}}}
    measured, stated = dataclasses.replace(library, trust=trust), dict[int, float]()
    for redshift in REDSHIFTS:
        here = [one for one in tried if one.redshift == redshift]
        trust["class_right"][redshift] = _fit_class(library, here)
        stated |= trust_out_of_fold(library, here)
        trust["measured"]["phase"][redshift] = _fit_phases(measured, here, redshift)
    trust["measured"] |= _report(measured, tried, stated)
    return measured


def _rows(library: Library, most: int) -> Rows:
    """Return at most so many rows of each object whose class is known, drawn at random."""
    taken = np.zeros(len(library.objects), dtype=np.int64)
    rows = []
    for row in np.random.default_rng(0).permutation(np.flatnonzero(library.classes != "")).tolist():
        taken[library.owner[row]] += 1
        if taken[library.owner[row]] <= most:
            rows.append(row)
    return np.sort(np.array(rows, dtype=np.int64))


def _leave_one_out(matcher: Matcher, rows: Rows, redshift: str, ratio: float | None, bar: tqdm[Any]) -> list[Tried]:
    library, random = matcher.library, np.random.default_rng(0)
    found: list[list[NamedMatch]] = []
    for start in range(0, len(rows), COMPARED_AT_ONCE):
        part = rows[start : start + COMPARED_AT_ONCE]
        flux, weight = library.flux[part], library.weight[part]
        if ratio is not None:
            noise = random.standard_normal(flux.shape, dtype=np.float32) / np.float32(ratio)
            flux = with_noise(flux, (weight > 0).astype(np.float32), library.contrast[part], noise)
        errors = np.zeros(len(part))
        if redshift == "estimated":
            drawn = ERROR_SCALE * random.standard_t(ERROR_FREEDOM, len(part))
            errors = drawn.clip(-MOST_REDSHIFT_ERROR, MOST_REDSHIFT_ERROR)
        terms = weighted_terms(torch.from_numpy(flux), torch.from_numpy(weight))
        own = [[number] for number in library.owner[part].tolist()]
        found += matcher.match(terms, [[error] for error in errors.tolist()], own)
        bar.update(len(part))
    matched = [(row, matches) for row, matches in zip(rows.tolist(), found, strict=True) if matches]
    weights = object_weights([str(library.owner[row]) for row, _ in matched]).tolist()
    return [
        Tried(row, redshift, ratio, weight, matches) for (row, matches), weight in zip(matched, weights, strict=True)
    ]


def _is_right(library: Library, one: Tried) -> bool:
    return library.objects[one.matches[0].object].class_name == str(library.classes[one.row])


def _fit_class(library: Library, tried: Sequence[Tried]) -> dict[str, float]:
    """Fit P(class right) as a logistic function of ``features``, by Newton's method."""
    inputs = [features(one.matches, library) for one in tried]
    names = list(dict.fromkeys(itertools.chain.from_iterable(inputs)))
    design = np.array([[values.get(name, 0.0) for name in names] for values in inputs]).reshape(len(inputs), len(names))
    penalty = np.diag([CLASS_PENALTY if name in library.classes else PENALTY for name in names])
    right = np.array([_is_right(library, one) for one in tried], dtype=np.float64)
    weights = np.array([one.weight for one in tried])
    beta = np.zeros(len(names))
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ beta))
        gradient = design.T @ (weights * (right - p)) - penalty @ beta
        hessian = (design * (weights * p * (1 - p))[:, None]).T @ design + penalty
        beta = beta + np.linalg.solve(hessian, gradient)
    return dict(zip(names, beta.tolist(), strict=True))


def trust_out_of_fold(library: Library, tried: Sequence[Tried]) -> dict[int, float]:
    """Return the trust of each (by its id) as a fit without its object states it."""
    stated = dict[int, float]()
    for fold in range(FOLDS):
        inside = [one for one in tried if library.owner[one.row] % FOLDS == fold]
        if inside:
            figures = _fit_class(library, [one for one in tried if library.owner[one.row] % FOLDS != fold])
            stated |= {id(one): trust_by(figures, one.matches, library) for one in inside}
    return stated


def _fit_phases(library: Library, tried: Sequence[Tried], redshift: str) -> dict[str, dict[str, float]]:
    """Write the errors of the phases of each class into the library's trust, and return what they are worth.

    A class whose stated errors are far too small gets none.
    """
    fitted = library.trust["phase"][redshift] = {}
    report = {}
    for class_name in sorted({str(library.classes[one.row]) for one in tried}):
        mine = [one for one in tried if library.classes[one.row] == class_name]
        if (of_class := _fit_phase(library, mine, class_name)) is None:
            continue
        fitted[class_name] = of_class
        worth = _phase_errors(library, mine)
        if worth:
            report[class_name] = worth
        if worth.get("pull", math.inf) > MOST_PULL:
            del fitted[class_name]
    return report


def _fit_phase(library: Library, tried: Sequence[Tried], class_name: str) -> dict[str, float] | None:
    """Fit the error of a phase, √(floor² + (scale × spread)²); return None for fewer than 20 phases.

    The pair of FLOORS and SCALES with the highest likelihood is taken, for a distribution with wide wings.
    """
    estimates = [(one, raw_phase(one.matches, library, class_name)) for one in tried]
    known = [(one, told) for one, told in estimates if told is not None and math.isfinite(library.phase[one.row])]
    if len(known) < 20:
        return None
    errors = np.array([told[0] - float(library.phase[one.row]) for one, told in known])
    spreads = np.array([told[1] for _, told in known])
    weights = object_weights([str(library.owner[one.row]) for one, _ in known])

    def likelihood(pair: tuple[float, float]) -> float:
        sigma = np.hypot(pair[0], pair[1] * spreads)
        # Student's t with three degrees of freedom.
        return float((weights * (-np.log(sigma) - 2 * np.log1p((errors / sigma) ** 2 / 3))).sum())

    floor, scale = max(itertools.product(FLOORS, SCALES), key=likelihood)
    return {"floor": floor, "scale": scale}


def _report(library: Library, tried: Sequence[Tried], trusts: Mapping[int, float]) -> dict[str, Any]:
    """Return how often the class is right by trust and by noise, for each kind of redshift, and the phases by noise.

    trusts: trust of each of those tried, by its id.
    """
    by_trust, by_noise = [], []
    for redshift in REDSHIFTS:
        here = [one for one in tried if one.redshift == redshift]
        for low, high in itertools.pairwise(EDGES):
            inside = [one for one in here if low <= trusts[id(one)] < high]
            if inside:
                stated = [trusts[id(one)] for one in inside]
                by_trust.append({"redshift": redshift, "trust_from": low, **_share(library, inside, stated)})
        for ratio in RATIOS:
            inside = [one for one in here if one.ratio == ratio]
            stated = [trusts[id(one)] for one in inside]
            phases = _phase_errors(library, inside)
            by_noise.append({"redshift": redshift, "ratio": ratio, **_share(library, inside, stated), **phases})
    return {"by_trust": by_trust, "by_noise": by_noise}


def _share(library: Library, tried: Sequence[Tried], stated: Sequence[float]) -> dict[str, Any]:
    """Return how often the class is right, with the 95 % interval, beside the trust that was stated."""
    weights = np.array([one.weight for one in tried])
    hits = float(weights @ np.array([_is_right(library, one) for one in tried]))
    total = float(weights.sum())
    return {
        "spectra": len(tried),
        "objects": len({int(library.owner[one.row]) for one in tried}),
        "stated": round(float(weights @ np.array(stated)) / total, 3),
        "right": round(hits / total, 3),
        "interval": [round(limit, 3) for limit in wilson(hits, total)],
    }


def _phase_errors(library: Library, tried: Sequence[Tried]) -> dict[str, float]:
    """Return number, share told, median error (days) and pull of the phases; {} if fewer than 10 are told."""
    known = [one for one in tried if math.isfinite(library.phase[one.row])]
    classes = [str(library.classes[one.row]) for one in known]
    phases = [phase_of(one.matches, library, name, one.redshift) for one, name in zip(known, classes, strict=True)]
    told = [(phase, library.phase[one.row]) for one, phase in zip(known, phases, strict=True)]
    off = [(given.days - float(own), given.error) for given, own in told if given is not None]
    if len(off) < 10:
        return {}
    errors, sigmas = (np.array(column) for column in zip(*off, strict=True))
    pulls = errors / sigmas
    return {
        "phases": len(known),
        "told": round(len(off) / len(known), 3),
        "median_error_days": round(float(np.median(np.abs(errors))), 2),
        "pull": round(float(1.48 * np.median(np.abs(pulls - np.median(pulls)))), 2),
    }
