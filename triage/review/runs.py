"""Runs of automatic policies: how often people disagreed, and when a run ends."""

from __future__ import annotations

import dataclasses

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from classifier.wilson import wilson
from triage.models import AutomaticClassification, AutomaticRun, BlindSample, Classification, Decision
from triage.models.decision import VETTING
from triage.queue import entries


@dataclasses.dataclass(frozen=True)
class Measured:
    """People's votes on the transients of a run.

    run: the run.
    classified: transients that it classified.
    sampled: transients that passed, and were drawn for people.
    voted: how many of these have a blind vote.
    disagreed: how many of the votes name another class than the prediction.
    vetted_later: transients that it classified and people vetted afterwards. These were not drawn at random.
    changed_later: how many of these people vetted as another class.
    """

    run: AutomaticRun
    classified: int
    sampled: int
    voted: int
    disagreed: int
    vetted_later: int
    changed_later: int

    @property
    def false_rate(self) -> float | None:
        """Return the share of the blind votes that disagree, or None without votes."""
        return self.disagreed / self.voted if self.voted else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of the false rate, or None without votes."""
        return wilson(self.disagreed, self.voted) if self.voted else None

    @property
    def bound(self) -> float | None:
        """Return the upper bound that must stay within the allowed rate; None in a trial.

        It counts the blind votes of the run together with what the dry run counted when the run began.
        """
        if self.run.limit is not None:
            return None
        return wilson(self.run.disagreed + self.disagreed, self.run.vetted + self.voted)[1]


def measured(run: AutomaticRun) -> Measured:
    """Return what people said about a run until now."""
    audience = Q(group__isnull=True) | Q(group=run.group)
    of_row = {"transient": OuterRef("transient")}
    votes = Decision.objects.filter(audience, **of_row, blind=True, verdict__in=VETTING).order_by("pk")
    samples = BlindSample.objects.filter(run=run, passed=True).annotate(first=Subquery(votes.values("pk")[:1]))
    # After an undo the prediction may have been seen, so a later vote does not take the place of the first one.
    in_force = Decision.objects.filter(pk=OuterRef("first")).in_force().values("class_name")
    samples = samples.annotate(vote=Subquery(in_force))
    voted = [(said, name) for said, name in samples.values_list("vote", "class_name") if said is not None]
    newest = Classification.objects.filter(audience, **of_row).newest_first().values("pk")[:1]
    vetted = Classification.objects.filter(vetted=True, pk=OuterRef("newest")).values("decision__class_name")
    rows = AutomaticClassification.objects.filter(run=run).annotate(newest=Subquery(newest))
    later = rows.annotate(decided=Subquery(vetted)).filter(decided__isnull=False)
    changed = list(later.values_list("decided", "class_name"))
    return Measured(
        run=run,
        classified=run.classifications.count(),
        sampled=samples.count(),
        voted=len(voted),
        disagreed=sum(said != name for said, name in voted),
        vetted_later=len(changed),
        changed_later=sum(said != name for said, name in changed),
    )


def latest(user: User) -> dict[int | None, Measured]:
    """Return the latest run of each policy that the user may see, by the id of its group."""
    newest: dict[int | None, AutomaticRun] = {}
    for run in AutomaticRun.objects.visible_to(user).select_related("group", "began_by", "ended_by").order_by("pk"):
        newest[run.group_id] = run
    return {group: measured(run) for group, run in newest.items()}


def current(group: Group | None) -> AutomaticRun | None:
    """Return the run of an audience's policy that is on, or None."""
    run: AutomaticRun | None = AutomaticRun.objects.on().filter(group=group).first()
    return run


def end(run: AutomaticRun, reason: str, by: User | None = None, *, recall: bool = False) -> bool:
    """Switch a run off, and return whether it was on.

    reason: why, as a sentence.
    by: who switches it off, or None if it does so itself.
    recall: whether what it classified goes back to the queue.
    """
    with transaction.atomic():
        # Nothing more is classified while the run is locked.
        on = AutomaticRun.objects.on().select_for_update().filter(pk=run.pk)
        if on.first() is None:
            return False
        stood = sorted(AutomaticClassification.objects.filter(run=run).standing().values_list("transient", flat=True))
        ended = {"ended_at": timezone.now(), "ended_by": by, "reason": reason, "recalled": recall}
        AutomaticRun.objects.filter(pk=run.pk).update(**ended)
        if recall:
            for transient_id in stood:
                entries.refresh(transient_id)
    return True
