"""Order of the queue: how much a look at a waiting transient is worth, and why.

The value of a look lies in 0..1. It is the weighted sum of six parts, each in 0..1: uncertainty, novelty,
disagreement with the templates, rarity of the class, contradiction between epochs, and surprise of the brightness.

Each day of waiting adds A_DAY. Two transients that wait gain the same each day, so their order never changes. The
stored priority is therefore the value less A_DAY for each day between DAY_0 and the arrival, and an index sorts by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from classifier.taxonomy import load_taxonomy

WEIGHTS = {
    "uncertainty": 0.3,
    "novelty": 0.2,
    "disagreement": 0.15,
    "rarity": 0.15,
    "contradiction": 0.1,
    "brightness": 0.1,
}
# After fifty days of waiting, a transient stands before everything that has just come in.
A_DAY = 0.02
# Scores of the best template, measured blind on the test objects (docs/model_card.md). Below 12, its class is right in
# four of ten and its redshift is often chance. From 12, the class is right in two of three; from 15, in more than nine
# of ten.
GOOD_MATCH = 12.0
STRONG_MATCH = 15.0
# Novelty is the share of known spectra that looked more familiar. A usual spectrum has 0.5, so only values near 1 say
# something. With this power, 0.97 gives a half.
NOVELTY_POWER = 23
# A part that adds less than this to the value of a look is not named.
NAMED = 0.06
DAY_0 = datetime(2020, 1, 1, tzinfo=UTC)
DAY_SECONDS = 86_400.0


def contributions(
    class_name: str,
    uncertainty: float,
    novelty: float,
    crosscheck: Mapping[str, Any] | None,
    contradiction: float,
    surprise: float,
) -> dict[str, float]:
    """Return what each part adds to the value of a look, by the names of WEIGHTS.

    class_name: predicted class.
    uncertainty: uncertainty of the prediction, 0..1.
    novelty: share of known spectra that looked more familiar to the network, 0..1.
    crosscheck: best template, as ``Prediction.crosscheck`` stores it, or None.
    contradiction: how strongly the epochs contradict each other, as the function of that name returns it.
    surprise: how much the brightness changes the answer, as ``Brightness.surprise`` stores it; 0 without one.
    """
    parts = {
        "uncertainty": uncertainty,
        "novelty": novelty**NOVELTY_POWER,
        "disagreement": disagreement(class_name, crosscheck),
        "rarity": rarity(class_name),
        "contradiction": contradiction,
        "brightness": surprise,
    }
    return {name: weight * min(max(parts[name], 0.0), 1.0) for name, weight in WEIGHTS.items()}


def priority(value: float, since: datetime) -> float:
    """Return the priority of a transient that waits since ``since``; the largest comes first.

    value: sum of the ``contributions``.
    """
    return value - waited(since - DAY_0)


def waited(elapsed: Any) -> float:
    """Return what a time of waiting adds to the value of a look.

    elapsed: a timedelta.
    """
    added: float = A_DAY * elapsed.total_seconds() / DAY_SECONDS
    return added


def disagreement(class_name: str, crosscheck: Mapping[str, Any] | None) -> float:
    """Return how strongly the templates contradict the predicted class.

    crosscheck: best template, as ``Prediction.crosscheck`` stores it, or None.

    Returns 0 if the best template has the same class or a score below GOOD_MATCH, else 0.5 to 1.
    """
    if not crosscheck or crosscheck["class"] == class_name or crosscheck["score"] < GOOD_MATCH:
        return 0.0
    return min(float(crosscheck["score"]) / (2 * GOOD_MATCH), 1.0)


def match_words(score: float) -> str:
    """Return "weak", "fair" or "strong" for the score of a template."""
    if score < GOOD_MATCH:
        return "weak"
    return "fair" if score < STRONG_MATCH else "strong"


def rarity(class_name: str) -> float:
    """Return the rarity of a class from the taxonomy, 0..1; 0 if the taxonomy gives none."""
    return next((entry.rarity or 0.0 for entry in load_taxonomy().classes if entry.name == class_name), 0.0)


def rare_classes() -> list[str]:
    """Return the classes that are called rare: those whose rarity adds at least NAMED to the value of a look."""
    return [entry.name for entry in load_taxonomy().classes if WEIGHTS["rarity"] * (entry.rarity or 0.0) >= NAMED]


def contradiction(said: Sequence[tuple[str, float]]) -> float:
    """Return how strongly the epochs of a transient contradict each other, 0..1.

    said: predicted class and uncertainty of each epoch, the surest epoch first.

    It is the confidence of the surest epoch times the largest confidence of an epoch with another class, where
    confidence is 1 - uncertainty. If all epochs have one class, it is 0.
    """
    surest_class, surest_uncertainty = said[0]
    against = [1 - uncertainty for name, uncertainty in said if name != surest_class]
    return (1 - surest_uncertainty) * max(against) if against else 0.0
