"""Agreement of reviewers: Cohen's kappa of pairs, and each reviewer against the standing classifications.

A vote is a reviewer's last confirmation or override of a transient that was not undone.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Exists, QuerySet

from triage.models import Classification, Decision
from triage.models.classification import votes_owed_by
from triage.models.decision import VETTING, was_undone
from triage.models.demonstration import only

# With fewer votes in common, kappa says little.
FEWEST = 10
# Latest votes after somebody else's that are looked at. Counting those of years would take longer than a page may.
LATEST = 5000


@dataclasses.dataclass(frozen=True)
class Kappa:
    """Cohen's kappa of two reviewers (Cohen 1960).

    count: number of transients that both voted on.
    observed: share of them on which they agree.
    chance: share on which they would agree by chance.
    value: (observed - chance) / (1 - chance), or None if chance alone makes them agree always.
    error: standard error (1σ) of the value, or None.
    """

    count: int
    observed: float
    chance: float
    value: float | None
    error: float | None


class Vote(NamedTuple):
    """A reviewer's last vote on a transient.

    class_name: class that they named.
    blind: whether they voted blind.
    """

    class_name: str
    blind: bool


@dataclasses.dataclass(frozen=True)
class Pair:
    """Votes of two reviewers on the same transients.

    first, second: usernames, in alphabetical order.
    kappa: their agreement.
    blind: number of transients on which at least one of them voted blind.
    """

    first: str
    second: str
    kappa: Kappa
    blind: int

    @property
    def few(self) -> bool:
        """Return whether they have too few votes in common for kappa to say much."""
        return self.kappa.count < FEWEST


@dataclasses.dataclass(frozen=True)
class Record:
    """One reviewer's votes against the standing classifications.

    reviewer: username.
    count: number of votes compared.
    agreed: number of votes for the standing class.
    confusion: (standing class, voted class, count) of the other votes, the most frequent first.
    """

    reviewer: str
    count: int
    agreed: int
    confusion: list[tuple[str, str, int]]


def cohens_kappa(counted: Mapping[tuple[str, str], int]) -> Kappa:
    """Return Cohen's kappa of two reviewers.

    counted: number of transients on which the first reviewer named the first class of a pair and the second reviewer
        the second class. There is at least one transient.
    """
    count = sum(counted.values())
    observed = sum(number for (one, other), number in counted.items() if one == other) / count
    first, second = Counter[str](), Counter[str]()
    for (one, other), number in counted.items():
        first[one] += number
        second[other] += number
    chance = sum(first[name] * second[name] for name in first) / count**2
    if chance >= 1:
        return Kappa(count, observed, chance, None, None)
    error = math.sqrt(observed * (1 - observed) / count) / (1 - chance)
    return Kappa(count, observed, chance, (observed - chance) / (1 - chance), error)


def reviewers(user: User, simulated: bool | None = None) -> tuple[list[Pair], list[Record]]:
    """Return the pairs of reviewers, those with most transients in common first, and each reviewer's record.

    Only what the user may see counts, and of that the LATEST votes on transients that somebody else had decided on,
    with the votes before them. A record counts only transients that somebody else has voted on too: otherwise
    reviewers would be measured against themselves.

    simulated: see triage.models.demonstration.
    """
    joined = Decision.objects.visible_to(user).filter(only(simulated, "transient__"), joins=True).order_by("-id")
    several = joined.values("transient")[:LATEST]
    common = _votes(user, several, simulated)
    standing = Classification.objects.standing_before(user).filter(transient__in=several).order_by()
    return _pairs(common.values()), _records(common, dict(standing.values_list("transient", "decision__class_name")))


def _votes(user: User, transients: QuerySet[Any, Any], simulated: bool | None) -> dict[int, dict[str, Vote]]:
    """Return the votes that the user may see by transient and username, of transients that several people voted on.

    Those on transients that wait for the user's own vote stay hidden.
    """
    visible = Decision.objects.visible_to(user).filter(only(simulated, "transient__"), transient__in=transients)
    cast = visible.filter(~Exists(votes_owed_by(user)), ~was_undone(), verdict__in=VETTING).order_by("pk")
    found: dict[int, dict[str, Vote]] = defaultdict(dict)
    for transient, reviewer, name, blind in cast.values_list("transient", "reviewer__username", "class_name", "blind"):
        found[transient][reviewer] = Vote(name, blind)
    return {transient: votes for transient, votes in found.items() if len(votes) > 1}


def _pairs(common: Iterable[dict[str, Vote]]) -> list[Pair]:
    """Return the pairs of reviewers.

    common: votes on each transient by username.
    """
    classes: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    blind = Counter[tuple[str, str]]()
    for votes in common:
        for pair in combinations(sorted(votes), 2):
            one, other = votes[pair[0]], votes[pair[1]]
            classes[pair][one.class_name, other.class_name] += 1
            blind[pair] += one.blind or other.blind
    pairs = [Pair(*pair, cohens_kappa(counted), blind[pair]) for pair, counted in classes.items()]
    return sorted(pairs, key=lambda pair: (-pair.kappa.count, pair.first, pair.second))


def _records(common: Mapping[int, dict[str, Vote]], standing: Mapping[int, str]) -> list[Record]:
    """Return the reviewers' records.

    common: votes by transient and username.
    standing: standing class by transient.
    """
    confusion: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for transient, votes in common.items():
        if stands := standing.get(transient):
            for reviewer, vote in votes.items():
                confusion[reviewer][stands, vote.class_name] += 1
    return [_record(name, confusion[name]) for name in sorted(confusion)]


def _record(reviewer: str, counted: Counter[tuple[str, str]]) -> Record:
    agreed = sum(number for (stands, voted), number in counted.items() if stands == voted)
    # Equally frequent pairs come in the order of their names, whatever the database's order is.
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    confusion = [(stands, voted, number) for (stands, voted), number in ranked if stands != voted]
    return Record(reviewer, counted.total(), agreed, confusion)
