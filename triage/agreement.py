"""How far reviewers agree: Cohen's kappa of pairs, and each one against what stands.

A vote is a reviewer's last confirmation or override of a transient that was not undone.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q

from triage.models import Classification, Decision, Verdict
from triage.models.decision import VETTING
from triage.querysets import ClassificationQuerySet, DecisionQuerySet, owed_by

FEWEST = 10


@dataclasses.dataclass(frozen=True)
class Kappa:
    """observed, chance: shares of agreement. value: (observed - chance) / (1 - chance), None where chance alone makes
    them agree always. error: its standard error (1σ), None with it."""

    count: int
    observed: float
    chance: float
    value: float | None
    error: float | None


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two reviewers' votes on the same transients; blind: on how many at least one voted blind."""

    first: str
    second: str
    kappa: Kappa
    blind: int

    @property
    def few(self) -> bool:
        """Too few in common for kappa to say anything."""
        return self.kappa.count < FEWEST


@dataclasses.dataclass(frozen=True)
class Record:
    """One reviewer against what stands. confusion: (standing class, voted class) → how often, the frequent first."""

    reviewer: str
    count: int
    agreed: int
    confusion: list[tuple[str, str, int]]


def cohens_kappa(counted: Mapping[tuple[str, str], int]) -> Kappa:
    """Of how often the one said the first class of a pair and the other the second; at least once."""
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


def reviewers(user: User) -> tuple[list[Pair], list[Record]]:
    """Pairs of reviewers, those with most in common first, and each reviewer's record, from what the user may see. The
    database counts, class by class.

    A record counts only transients that somebody else has voted on too, else one would be measured against oneself."""
    votes = _votes(user)
    return _pairs(votes), _records(votes, Classification.objects.standing_before(user))


def _votes(user: User) -> DecisionQuerySet:
    """None of those that are hidden from the user, whose own vote is wanted."""
    visible = Decision.objects.visible_to(user).filter(~Exists(owed_by(user)), verdict__in=VETTING).order_by()
    cast = visible.filter(~Exists(Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk"))))
    later = cast.filter(transient=OuterRef("transient"), reviewer=OuterRef("reviewer"), pk__gt=OuterRef("pk"))
    votes: DecisionQuerySet = cast.filter(~Exists(later))
    return votes


def _pairs(votes: DecisionQuerySet) -> list[Pair]:
    beside = votes.alias(other=FilteredRelation("transient__decisions")).filter(
        other__in=votes.values("pk"), other__reviewer__gt=F("reviewer")
    )
    names = ("reviewer__username", "other__reviewer__username", "class_name", "other__class_name")
    either = Count("pk", filter=Q(blind=True) | Q(other__blind=True))
    found: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    blind = Counter[tuple[str, str]]()
    for one, other, said, otherwise, number, number_blind in beside.values_list(*names).annotate(
        number=Count("pk"), number_blind=either
    ):
        turned = one > other
        pair = (other, one) if turned else (one, other)
        found[pair][(otherwise, said) if turned else (said, otherwise)] += number
        blind[pair] += number_blind
    pairs = [Pair(*pair, cohens_kappa(counted), blind[pair]) for pair, counted in found.items()]
    return sorted(pairs, key=lambda pair: (-pair.kappa.count, pair.first, pair.second))


def _records(votes: DecisionQuerySet, standing: ClassificationQuerySet) -> list[Record]:
    others = votes.filter(transient=OuterRef("transient")).exclude(reviewer=OuterRef("reviewer"))
    measured = (
        votes.filter(Exists(others))
        .alias(stands=FilteredRelation("transient__classifications"))
        .filter(stands__in=standing.order_by().values("pk"))
    )
    confusion: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    names = ("reviewer__username", "stands__decision__class_name", "class_name")
    for name, stands, said, number in measured.values_list(*names).annotate(number=Count("pk")):
        confusion[name][stands, said] = number
    return [_record(name, confusion[name]) for name in sorted(confusion)]


def _record(reviewer: str, counted: Counter[tuple[str, str]]) -> Record:
    agreed = sum(number for (stands, voted), number in counted.items() if stands == voted)
    # Of equally frequent ones the order of the names, not the database's.
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    found = [(stands, voted, number) for (stands, voted), number in ranked if stands != voted]
    return Record(reviewer, counted.total(), agreed, found)
