"""Agreement of reviewers: Cohen's kappa of pairs, and each reviewer against the standing classifications.

A vote is a reviewer's last confirmation or override of a transient that was not undone.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q

from triage.models import Classification, Decision
from triage.models.classification import ClassificationQuerySet, votes_owed_by
from triage.models.decision import VETTING, DecisionQuerySet, was_undone
from triage.models.demonstration import only

# With fewer votes in common, kappa says little.
FEWEST = 10


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

    Only what the user may see counts. A record counts only transients that somebody else has voted on too: otherwise
    reviewers would be measured against themselves.

    simulated: see triage.models.demonstration.
    """
    votes = _votes(user).filter(only(simulated, "transient__"))
    return _pairs(votes), _records(votes, Classification.objects.standing_before(user))


def _votes(user: User) -> DecisionQuerySet:
    """Return the votes that the user may see. Those on transients that wait for the user's own vote stay hidden."""
    visible = Decision.objects.visible_to(user).filter(~Exists(votes_owed_by(user)), verdict__in=VETTING).order_by()
    cast = visible.filter(~was_undone())
    later = cast.filter(transient=OuterRef("transient"), reviewer=OuterRef("reviewer"), pk__gt=OuterRef("pk"))
    votes: DecisionQuerySet = cast.filter(~Exists(later))
    return votes


def _pairs(votes: DecisionQuerySet) -> list[Pair]:
    beside = votes.alias(other=FilteredRelation("transient__decisions")).filter(
        other__in=votes.values("pk"), other__reviewer__gt=F("reviewer")
    )
    names = ("reviewer__username", "other__reviewer__username", "class_name", "other__class_name")
    either = Count("pk", filter=Q(blind=True) | Q(other__blind=True))
    classes: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    blind = Counter[tuple[str, str]]()
    for one, other, said, otherwise, number, number_blind in beside.values_list(*names).annotate(
        number=Count("pk"), number_blind=either
    ):
        turned = one > other
        pair = (other, one) if turned else (one, other)
        classes[pair][(otherwise, said) if turned else (said, otherwise)] += number
        blind[pair] += number_blind
    pairs = [Pair(*pair, cohens_kappa(counted), blind[pair]) for pair, counted in classes.items()]
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
    # Equally frequent pairs come in the order of their names, whatever the database's order is.
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    confusion = [(stands, voted, number) for (stands, voted), number in ranked if stands != voted]
    return Record(reviewer, counted.total(), agreed, confusion)
