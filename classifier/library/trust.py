"""The worth of named matches: the probability that the class of the best one is right, and the phase that they give.

``classifier.library.measure`` measured the figures that both rest on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from classifier.library.library import Library
from classifier.library.matching import SHOWN, NamedMatch

# A phase whose error would be larger than this many days cannot be told.
MOST_ERROR = 20.0
# Weight of a match falls by e for each of these many points of score below the best one.
FALL = 1.0


@dataclasses.dataclass(frozen=True)
class Phase:
    """Rest-frame days from maximum light, and their 1σ error."""

    days: float
    error: float


def features(matches: Sequence[NamedMatch], library: Library) -> dict[str, float]:
    """Return what trust depends on.

    matches: named matches, best first; at least one.

    Returns the score of the best match, its lead over the best match of another class, and how many of the first SHOWN
    are of its class.
    """
    best = matches[0].score
    classes = [library.objects[match.object].class_name for match in matches]
    others = [match.score for match, name in zip(matches, classes, strict=True) if name != classes[0]]
    # If all named objects are of one class, the lead is at least that over the last of them.
    lead = best - max(others, default=matches[-1].score)
    return {"constant": 1.0, "score": best, "lead": lead, "agree": float(classes[:SHOWN].count(classes[0]))}


def trust_of(matches: Sequence[NamedMatch], library: Library, redshift: str) -> float | None:
    """Return the probability that the class of the best match is right, or None if it was not measured.

    matches: named matches, best first.
    redshift: "known", or "estimated" if the network gave the redshift that the spectrum was compared at.
    """
    figures = library.trust.get("class", {}).get(redshift)
    if not matches or figures is None:
        return None
    logit = sum(figures[name] * value for name, value in features(matches, library).items())
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
