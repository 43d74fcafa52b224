"""The worth of named matches: the probability that the class of the best one is right, and the phase that they give.

``classifier.library.measure`` measured the figures that both rest on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from classifier.library.library import Library
from classifier.library.matching import NamedMatch

# A phase whose error would be larger than this many days cannot be told.
MOST_ERROR = 20.0
# Weight of a match falls by e for each of these many points of score below the best one.
FALL = 1.0
# Share of a class that cannot be told from none, and from all.
LEAST_SHARE = 0.01


@dataclasses.dataclass(frozen=True)
class Phase:
    """Rest-frame days from maximum light, and their 1σ error."""

    days: float
    error: float


def features(matches: Sequence[NamedMatch], library: Library) -> dict[str, float]:
    """Return what trust depends on.

    matches: named matches, best first; at least one.

    Returns the score of the best match, its class, and the log-odds of the share that the class has among the matches.
    In that share the weight of a match falls by e for each point of score below the best one.
    """
    scores = np.array([match.score for match in matches])
    classes = [library.objects[match.object].class_name for match in matches]
    weight = np.exp((scores - scores[0]) / FALL)
    share = float(weight @ np.array([name == classes[0] for name in classes]) / weight.sum())
    odds = math.log((share + LEAST_SHARE) / (1 - share + LEAST_SHARE))
    return {"constant": 1.0, "score": float(scores[0]), "odds": odds, classes[0]: 1.0}


def trust_of(matches: Sequence[NamedMatch], library: Library, redshift: str) -> float | None:
    """Return the probability that the class of the best match is right, or None if it was not measured.

    matches: named matches, best first.
    redshift: "known", or "estimated" if the network gave the redshift that the spectrum was compared at.
    """
    figures = library.trust.get("class_right", {}).get(redshift)
    return trust_by(figures, matches, library) if matches and figures is not None else None


def trust_by(figures: Mapping[str, float], matches: Sequence[NamedMatch], library: Library) -> float:
    """Return the probability that the class of the best match is right.

    figures: coefficient of each of the ``features``; a class that was not measured has none.
    """
    logit = sum(figures.get(name, 0.0) * value for name, value in features(matches, library).items())
    return 1 / (1 + math.exp(-logit))


def phase_of(matches: Sequence[NamedMatch], library: Library, class_name: str, redshift: str) -> Phase | None:
    """Return the phase that the matches of a class give, or None if it cannot be told.

    matches: named matches, best first.
    class_name: class of the taxonomy that the spectrum is taken for.
    redshift: as in ``trust_of``.
    """
    estimate = raw_phase(matches, library, class_name)
    figures = library.trust.get("phase", {}).get(redshift, {}).get(class_name)
    if estimate is None or figures is None:
        return None
    days, spread = estimate
    error = math.hypot(figures["floor"], figures["scale"] * spread)
    return Phase(days, error) if error <= MOST_ERROR else None


def raw_phase(matches: Sequence[NamedMatch], library: Library, class_name: str) -> tuple[float, float] | None:
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
