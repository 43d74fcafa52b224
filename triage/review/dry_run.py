"""Dry run of an automatic policy: what would have passed lately, and how often people disagreed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from classifier.wilson import wilson
from triage.models import AutomaticPolicy, Classification, Spectrum
from triage.models.blind_sample import owes_blind_vote
from triage.models.spectrum import SpectrumQuerySet
from triage.review.conditions import counts_simulated, passing, unanimous

DAYS = 30


@dataclasses.dataclass(frozen=True)
class Passed:
    """A transient that would have passed.

    transient: its name.
    spectrum: id of the first spectrum that passes.
    class_name: predicted class.
    probability: its probability (0–1).
    decided: class that people vetted, or None.
    """

    transient: str
    spectrum: int
    class_name: str
    probability: float
    decided: str | None

    @property
    def disagreed(self) -> bool:
        """Return whether people vetted another class."""
        return self.decided is not None and self.decided != self.class_name


@dataclasses.dataclass(frozen=True)
class ClassCount:
    """Transients of one predicted class that would have passed.

    class_name: predicted class.
    passed: number of transients.
    decided: how many of them people vetted.
    disagreed: how many of these they vetted as another class.
    """

    class_name: str
    passed: int
    decided: int
    disagreed: int


@dataclasses.dataclass(frozen=True)
class DryRun:
    """Result of a dry run.

    arrived: transients with a prediction of the current checkpoint on a spectrum that arrived within the days.
    passed: transients that would have passed, in the order of arrival.
    simulated: whether spectra of the demo night are counted.
    share_for_people: share of all new transients (0–1) that people would classify blind.
    allowed_false_rate: largest share (0–1) on which people may disagree.
    """

    arrived: int
    passed: list[Passed]
    simulated: bool
    share_for_people: float
    allowed_false_rate: float

    @property
    def decided(self) -> int:
        """Return how many of the passed transients people vetted."""
        return sum(row.decided is not None for row in self.passed)

    @property
    def disagreements(self) -> list[Passed]:
        """Return the passed transients that people vetted as another class."""
        return [row for row in self.passed if row.disagreed]

    @property
    def for_people(self) -> int:
        """Return how many of the passed transients people would have seen all the same."""
        return round(self.share_for_people * len(self.passed))

    @property
    def false_rate(self) -> float | None:
        """Return the share of the vetted ones on which people disagreed, or None if nothing is vetted."""
        return len(self.disagreements) / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of the false rate, or None if nothing is vetted."""
        return wilson(len(self.disagreements), self.decided) if self.decided else None

    @property
    def within_allowed(self) -> bool | None:
        """Return whether even the upper bound of the false rate is allowed, or None if nothing is vetted."""
        return None if self.interval is None else self.interval[1] <= self.allowed_false_rate

    @property
    def by_class(self) -> list[ClassCount]:
        """Return the counts of each class, the most frequent class first."""
        passed = Counter(row.class_name for row in self.passed)
        decided = Counter(row.class_name for row in self.passed if row.decided is not None)
        wrong = Counter(row.class_name for row in self.disagreements)
        ranked = sorted(passed.items(), key=lambda item: (-item[1], item[0]))
        return [ClassCount(name, count, decided[name], wrong[name]) for name, count in ranked]


def dry_run(user: User, policy: AutomaticPolicy, simulated: bool | None = None) -> DryRun:
    """Return what would have passed a policy among the spectra of the last 30 days.

    user: user who asks, and who belongs to the policy's audience. Transients that wait for this user's blind vote are
        left out.
    policy: the policy, stored or not.
    simulated: whether spectra of the demo night count; None counts them while there are no others.
    """
    if simulated is None:
        simulated = counts_simulated(policy)
    rows = _arrived(user, policy, simulated)
    first: dict[int, Passed] = {}
    for row in passing(unanimous(_with_vetted_class(rows, policy)), policy, "transient__name", "decided"):
        passed = Passed(
            row["transient__name"],
            row["pk"],
            row["current_prediction__class_name"],
            1 - row["current_prediction__uncertainty"],
            row["decided"],
        )
        first.setdefault(row["transient_id"], passed)
    arrived = rows.order_by().values("transient").distinct().count()
    return DryRun(arrived, list(first.values()), simulated, policy.share_for_people, policy.allowed_false_rate)


def _arrived(user: User, policy: AutomaticPolicy, simulated: bool) -> SpectrumQuerySet:
    """Return the audience's spectra of the last days with a current prediction that the user may know.

    The current checkpoint made it, because a policy that is on takes no other.
    """
    rows = Spectrum.objects.filter(
        ~owes_blind_vote(user),
        group=policy.group,
        transient__isnull=False,
        rejected=False,
        current_prediction__checkpoint__current=True,
        created_at__gte=timezone.now() - timedelta(days=DAYS),
    )
    return rows if simulated else rows.filter(simulated=False)


def _with_vetted_class(rows: SpectrumQuerySet, policy: AutomaticPolicy) -> SpectrumQuerySet:
    """Annotate ``decided``: the class that people vetted, as the policy's audience knows it, or None."""
    audience = Q(group__isnull=True) | Q(group=policy.group)
    standing = Classification.objects.filter(audience, transient=OuterRef("transient")).newest_first()
    # The newest classification counts only if it is vetted: a dispute over it is no verdict.
    vetted = Classification.objects.filter(vetted=True, pk=OuterRef("newest")).values("decision__class_name")
    return rows.annotate(newest=Subquery(standing.values("pk")[:1])).annotate(decided=Subquery(vetted))
