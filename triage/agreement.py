"""How far reviewers agree: Cohen's kappa of pairs, and each one against what stands.

A vote is a reviewer's last confirmation or override of a transient that was not undone.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from triage.models import Classification, Decision, Verdict
from triage.models.decision import VETTING
from triage.querysets import owed_by


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


@dataclasses.dataclass(frozen=True)
class Record:
    """One reviewer against what stands. confusion: (standing class, voted class) → how often, the frequent first."""

    reviewer: str
    count: int
    agreed: int
    confusion: list[tuple[str, str, int]]


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> Kappa:
    """Of pairs of classes, at least one."""
    count = len(pairs)
    observed = sum(one == other for one, other in pairs) / count
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(first[name] * second[name] for name in first) / count**2
    if chance >= 1:
        return Kappa(count, observed, chance, None, None)
    error = math.sqrt(observed * (1 - observed) / count) / (1 - chance)
    return Kappa(count, observed, chance, (observed - chance) / (1 - chance), error)


def reviewers(user: User) -> tuple[list[Pair], list[Record]]:
    """Pairs of reviewers, those with most in common first, and each reviewer's record, from what the user may see.

    A record counts only transients that somebody else has voted on too, else one would be measured against oneself."""
    votes = _votes(user)
    standing = Classification.objects.standing_before(user).order_by()
    stands = dict(standing.values_list("transient", "decision__class_name"))
    common: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    blind: Counter[tuple[str, str]] = Counter()
    confusion: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for transient, cast in votes.items():
        if len(cast) < 2:
            continue
        for pair in itertools.combinations(sorted(cast), 2):
            common[pair].append((cast[pair[0]][0], cast[pair[1]][0]))
            blind[pair] += any(cast[name][1] for name in pair)
        for name, (class_name, _) in cast.items():
            if transient in stands:
                confusion[name][stands[transient], class_name] += 1
    pairs = [Pair(*names, cohens_kappa(found), blind[names]) for names, found in common.items()]
    pairs.sort(key=lambda pair: (-pair.kappa.count, pair.first, pair.second))
    return pairs, [_record(name, confusion[name]) for name in sorted(confusion)]


def _votes(user: User) -> dict[int, dict[str, tuple[str, bool]]]:
    """Of each transient the votes by name of the reviewer: class, blind; none where the user's is still wanted."""
    undone = Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk"))
    rows = (
        Decision.objects.visible_to(user)
        .filter(verdict__in=VETTING)
        .filter(~Exists(undone), ~Exists(owed_by(user)))
        .order_by("id")
    )
    votes: dict[int, dict[str, tuple[str, bool]]] = defaultdict(dict)
    for transient, name, class_name, blind in rows.order_by("id").values_list(
        "transient", "reviewer__username", "class_name", "blind"
    ):
        votes[transient][name] = (class_name, blind)
    return votes


def _record(reviewer: str, counted: Counter[tuple[str, str]]) -> Record:
    agreed = sum(number for (stands, voted), number in counted.items() if stands == voted)
    found = [(stands, voted, number) for (stands, voted), number in counted.most_common() if stands != voted]
    return Record(reviewer, counted.total(), agreed, found)
