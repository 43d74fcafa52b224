"""The worth of a named match, measured on the library itself: each spectrum with its own object left out.

Two things are measured: how often the class of the best match is right, by its score and its lead over the best match
of another class, and how far the phase of the matches of the class lies from the spectrum's own.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from classifier.calibration import object_weights
from classifier.crosscheck import weighted_terms
from classifier.errors import SpectrumError
from classifier.library.library import Library
from classifier.library.matching import COMPARED_AT_ONCE, SHOWN, Matcher, NamedMatch

# A class whose errors, in units of the stated ones, are wider than this gets no phase.
MOST_PULL = 1.5
# A phase whose error would be larger than this many days cannot be told.
MOST_ERROR = 20.0
# Floors (days) and scales that the error of a phase is chosen from.
FLOORS, SCALES = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0), (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
# Weight of a match falls by e for each of these many points of score below the best one.
FALL = 1.0


@dataclasses.dataclass(frozen=True)
class Phase:
    """Rest-frame days from maximum light, and their 1σ error."""

    days: float
    error: float


def _features(matches: Sequence[NamedMatch], library: Library) -> tuple[float, float]:
    """Return the score of the best match and its lead over the best match of another class (at most its score)."""
    best = matches[0]
    name = library.objects[best.object].class_name
    others = [match.score for match in matches if library.objects[match.object].class_name != name]
    # If all named objects are of one class, the lead is at least that over the last of them.
    return best.score, best.score - max(others, default=matches[-1].score)


def trust_of(matches: Sequence[NamedMatch], library: Library) -> float | None:
    """Return the probability that the class of the best match is right, or None if it was not measured."""
    figures = library.trust.get("class")
    if not matches or figures is None:
        return None
    score, lead = _features(matches, library)
    agree = _agreeing(matches, library)
    logit = figures["constant"] + figures["score"] * score + figures["lead"] * lead + figures["agree"] * agree
    return 1 / (1 + math.exp(-logit))


def phase_of(matches: Sequence[NamedMatch], library: Library, class_name: str) -> Phase | None:
    """Return the phase that the matches of a class give, or None if it cannot be told.

    matches: named matches, best first.
    class_name: class of the taxonomy that the spectrum is taken for.
    """
    estimate = _raw_phase(matches, library, class_name)
    figures = library.trust.get("phase", {}).get(class_name)
    if estimate is None or figures is None:
        return None
    days, spread = estimate
    error = math.hypot(figures["floor"], figures["scale"] * spread)
    return Phase(days, error) if error <= MOST_ERROR else None


def _raw_phase(matches: Sequence[NamedMatch], library: Library, class_name: str) -> tuple[float, float] | None:
    """Return the mean phase of the matches of a class and the spread around it, weighted by score."""
    mine = [
        (float(library.phase[m.spectrum]), m.score)
        for m in matches
        if library.objects[m.object].class_name == class_name and math.isfinite(library.phase[m.spectrum])
    ]
    if len(mine) < 2:
        return None
    days, scores = (np.array(column) for column in zip(*mine, strict=True))
    weight = np.exp((scores - scores.max()) / FALL)
    mean = float((weight * days).sum() / weight.sum())
    return mean, float(np.sqrt((weight * (days - mean) ** 2).sum() / weight.sum()))


def measure(library: Library, device: torch.device | None = None) -> Library:
    """Return the library with its trust: each spectrum is matched with its own object left out.

    Raises SpectrumError ("too_small") with fewer than two objects of a known class.
    """
    found = _leave_one_out(library, device)
    rows = [row for row, matches in enumerate(found) if matches and library.classes[row]]
    if len({library.owner[row] for row in rows}) < 2:
        raise SpectrumError("too_small", "a library is measured with two objects or more whose class is known")
    weights = object_weights([str(library.owner[row]) for row in rows])
    trust: dict[str, Any] = {"class": _fit_class(library, found, rows, weights), "phase": {}, "measured": {}}
    for class_name in sorted({str(library.classes[row]) for row in rows}):
        fitted = _fit_phase(library, found, [r for r in rows if library.classes[r] == class_name], class_name)
        if fitted is not None:
            trust["phase"][class_name] = fitted
    measured = dataclasses.replace(library, trust=trust)
    figures = _report(measured, found, rows, weights)
    honest = {name for name, of_class in figures["phase"].items() if of_class["pull"] <= MOST_PULL}
    phase = {name: fitted for name, fitted in trust["phase"].items() if name in honest}
    return dataclasses.replace(measured, trust={**trust, "phase": phase, "measured": figures})


def _leave_one_out(library: Library, device: torch.device | None) -> list[list[NamedMatch]]:
    matcher = Matcher(library, device)
    terms = weighted_terms(torch.from_numpy(library.flux), torch.from_numpy(library.weight))
    found: list[list[NamedMatch]] = []
    with tqdm(total=len(library), desc="leaving one out", unit="spectra", mininterval=2) as bar:
        for start in range(0, len(library), COMPARED_AT_ONCE):
            part = slice(start, start + COMPARED_AT_ONCE)
            own = library.owner[part].tolist()
            found += matcher.match(terms[:, part], [[0.0]] * len(own), own)
            bar.update(len(own))
    return found


def _is_right(library: Library, row: int, matches: Sequence[NamedMatch]) -> bool:
    return library.objects[matches[0].object].class_name == str(library.classes[row])


def _fit_class(
    library: Library, found: Sequence[Sequence[NamedMatch]], rows: Sequence[int], weights: NDArray[np.float64]
) -> dict[str, float]:
    """Fit P(class right) as a logistic function of score, lead and agreement, by Newton's method."""
    design = np.array([[1.0, *_features(found[row], library), _agreeing(found[row], library)] for row in rows])
    right = np.array([_is_right(library, row, found[row]) for row in rows], dtype=np.float64)
    beta = np.zeros(design.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ beta))
        gradient = design.T @ (weights * (right - p)) - 1e-3 * beta
        hessian = (design * (weights * p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(len(beta))
        beta = beta + np.linalg.solve(hessian, gradient)
    return dict(zip(("constant", "score", "lead", "agree"), beta.tolist(), strict=True))


def _agreeing(matches: Sequence[NamedMatch], library: Library) -> int:
    name = library.objects[matches[0].object].class_name
    return sum(library.objects[match.object].class_name == name for match in matches[:SHOWN])


def _phase_errors(
    library: Library, found: Sequence[Sequence[NamedMatch]], rows: Sequence[int], class_name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Return errors (days) and spreads of the phases of some rows whose own phase is known, and their objects."""
    errors, spreads, owners = [], [], []
    for row in rows:
        own = float(library.phase[row])
        estimate = _raw_phase(found[row], library, class_name)
        if estimate is not None and math.isfinite(own):
            errors.append(estimate[0] - own)
            spreads.append(estimate[1])
            owners.append(str(library.owner[row]))
    return np.array(errors), np.array(spreads), owners


def _fit_phase(
    library: Library, found: Sequence[Sequence[NamedMatch]], rows: Sequence[int], class_name: str
) -> dict[str, float] | None:
    """Fit the error of a phase, √(floor² + (scale × spread)²); return None for fewer than 20 phases.

    The pair of FLOORS and SCALES with the highest likelihood is taken, for a distribution with wide wings.
    """
    errors, spreads, owners = _phase_errors(library, found, rows, class_name)
    if len(errors) < 20:
        return None
    weights = object_weights(owners)

    def likelihood(pair: tuple[float, float]) -> float:
        sigma = np.hypot(pair[0], pair[1] * spreads)
        # Student's t with three degrees of freedom.
        return float((weights * (-np.log(sigma) - 2 * np.log1p((errors / sigma) ** 2 / 3))).sum())

    floor, scale = max(itertools.product(FLOORS, SCALES), key=likelihood)
    return {"floor": floor, "scale": scale}


def _report(
    library: Library,
    found: Sequence[Sequence[NamedMatch]],
    rows: Sequence[int],
    weights: NDArray[np.float64],
) -> dict[str, Any]:
    """Return the measured figures: how often the class is right by its trust, and the phases of each class."""
    trusts = np.array([trust_of(found[row], library) or 0.0 for row in rows])
    right = np.array([_is_right(library, row, found[row]) for row in rows])
    by_trust = []
    for low, high in ((0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.97), (0.97, 1.01)):
        inside = (trusts >= low) & (trusts < high)
        if inside.any():
            share = float((weights * right)[inside].sum() / weights[inside].sum())
            stated = float((weights * trusts)[inside].sum() / weights[inside].sum())
            by_trust.append({"spectra": int(inside.sum()), "stated": round(stated, 3), "right": round(share, 3)})
    phases = {}
    for class_name in sorted({str(library.classes[row]) for row in rows}):
        mine = [row for row in rows if library.classes[row] == class_name and math.isfinite(library.phase[row])]
        told = [(phase_of(found[row], library, class_name), float(library.phase[row])) for row in mine]
        off = [(given.days - own, given.error) for given, own in told if given is not None]
        if len(off) >= 10:
            errors, sigmas = (np.array(column) for column in zip(*off, strict=True))
            phases[class_name] = {
                "spectra": len(mine),
                "told": round(len(off) / len(mine), 3),
                "median_error_days": round(float(np.median(np.abs(errors))), 2),
                "pull": round(float(1.48 * np.median(np.abs(errors / sigmas - np.median(errors / sigmas)))), 2),
            }
    accuracy = float((weights * right).sum() / weights.sum())
    return {"class_right": round(accuracy, 3), "by_trust": by_trust, "phase": phases}
