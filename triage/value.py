"""What a human look at a waiting transient is worth, and what makes it so.

The value lies in 0..1: the sum of five parts, each in 0..1 and none falling with what it measures, times their weights.
Waiting adds A_DAY a day. That would change every night, but of two that wait it changes both alike: they stand as value
less A_DAY times the day of arrival tells, which never changes, so that it is stored and read from an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from classifier.taxonomy import load_taxonomy

WEIGHTS = {"uncertainty": 0.4, "novelty": 0.2, "disagreement": 0.15, "rarity": 0.15, "contradiction": 0.1}
# After fifty days everything stands before what has just come in.
A_DAY = 0.02
# Scores of the best template on the test objects, blind (docs/model_card.md): below 12 its class is right in four of
# ten and its redshift often chance; from 12 on in two of three; from 15 on in more than nine of ten.
GOOD_MATCH = 12.0
STRONG_MATCH = 15.0
# Novelty is the share of known spectra that looked more familiar, so 0.5 for a usual one: only its end says anything.
# 0.97 gives a half.
NOVELTY_POWER = 23
DAY_0 = datetime(2020, 1, 1, tzinfo=UTC)
DAY_SECONDS = 86_400.0


def contributions(
    class_name: str,
    uncertainty: float,
    novelty: float,
    crosscheck: Mapping[str, Any] | None,
    contradiction: float,
) -> dict[str, float]:
    """What each part adds to the value of a look, by the names of WEIGHTS; see ``contradiction`` for that."""
    parts = {
        "uncertainty": uncertainty,
        "novelty": novelty**NOVELTY_POWER,
        "disagreement": disagreement(class_name, crosscheck),
        "rarity": rarity(class_name),
        "contradiction": contradiction,
    }
    return {name: weight * min(max(parts[name], 0.0), 1.0) for name, weight in WEIGHTS.items()}


def priority(value: float, since: datetime) -> float:
    """The place in the queue of what waits since then: the larger comes first."""
    return value - waited(since - DAY_0)


def waited(elapsed: Any) -> float:
    """What having waited so long adds to the value."""
    added: float = A_DAY * elapsed.total_seconds() / DAY_SECONDS
    return added


def disagreement(class_name: str, crosscheck: Mapping[str, Any] | None) -> float:
    """0 where the templates say the same or nothing that counts, from a half on where they say another class."""
    if not crosscheck or crosscheck["class"] == class_name or crosscheck["score"] < GOOD_MATCH:
        return 0.0
    return min(float(crosscheck["score"]) / (2 * GOOD_MATCH), 1.0)


def match_words(score: float) -> str:
    """How good a template's score is."""
    if score < GOOD_MATCH:
        return "weak"
    return "fair" if score < STRONG_MATCH else "strong"


def rarity(class_name: str) -> float:
    """As the taxonomy has it; 0 where it says nothing."""
    return next((entry.rarity or 0.0 for entry in load_taxonomy().classes if entry.name == class_name), 0.0)


def contradiction(said: Sequence[tuple[str, float]]) -> float:
    """How surely one epoch speaks against another: of the classes and uncertainties of all epochs, the surest first,
    its probability times the largest that another gives to another class; 0 where there is none."""
    against = [1 - uncertainty for name, uncertainty in said if name != said[0][0]]
    return (1 - said[0][1]) * max(against) if against else 0.0
