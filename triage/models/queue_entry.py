"""Queue entries: the columns that the queue is filtered and ordered by, ready to be read from an index."""

from __future__ import annotations

from collections import Counter
from typing import Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q

from triage.models.audience import AudienceQuerySet, User
from triage.models.classification import WAITING_STATES, OutcomeState

# State of an entry whose transient was classified by a policy and decided by nobody.
AUTOMATIC = "automatic"


class QueueEntryQuerySet(AudienceQuerySet["QueueEntry"]):
    """Entries, each visible to one audience."""

    def newest_first(self) -> Self:
        """Return the entries with a decision, ordered by its time, the newest first."""
        return self.filter(decided_at__isnull=False).order_by("-decided_at", "-classification")

    def counted(self, user: User) -> dict[str, int]:
        """Return how many transients there are in each state, as the user sees them.

        The keys are the states of OutcomeState, "pending" for transients that wait, "automatic" for those that a policy
        classified, and "bad" for transients whose spectra are all called bad. A state without transients may be
        missing.
        """
        visible, counts = self.visible_to(user).order_by(), Counter[str]()
        alone = visible.filter(shared=False).values_list("state", "waits")
        for state, waits, number in alone.annotate(n=Count("*")):
            counts[state] += number
            if state in WAITING_STATES:
                counts["pending" if waits else "bad"] += number
        # If the user sees several entries of a transient, the newest decision counts, and any of their predictions.
        beside = visible.filter(transient=OuterRef("transient"))
        several = visible.filter(shared=True).annotate(
            for_people=Exists(beside.left_to_people()), by_policy=Exists(beside.filter(state=AUTOMATIC))
        )
        newest = several.filter(~Exists(beside.newer_than("")), decided_at__isnull=False)
        of_several = newest.values_list("state", "for_people", "by_policy")
        for state, for_people, by_policy, number in of_several.annotate(n=Count("*")):
            counts[state] += number
            if state in WAITING_STATES:
                counts["pending" if for_people else AUTOMATIC if by_policy else "bad"] += number
        undecided = several.filter(~Exists(beside.filter(decided_at__isnull=False)), waits=True)
        of_undecided = undecided.values_list("for_people").annotate(n=Count("transient", distinct=True))
        for for_people, number in of_undecided:
            counts["pending" if for_people else AUTOMATIC] += number
        return dict(counts)

    def left_to_people(self) -> Self:
        """Return the entries with a prediction that no policy classified."""
        return self.filter(uncertainty__isnull=False).exclude(state=AUTOMATIC)

    def newer_than(self, path: str) -> Self:
        """Return the entries decided later than the entry at ``path`` of the outer query."""
        at, number = OuterRef(f"{path}decided_at"), OuterRef(f"{path}classification")
        return self.filter(Q(decided_at__gt=at) | Q(decided_at=at, classification__gt=number))

    def surer_than(self, path: str) -> Self:
        """Return the entries whose prediction is surer than that of the entry at ``path`` of the outer query.

        Of two that are equally sure, the newer spectrum's counts as surer.
        """
        level, number = OuterRef(f"{path}uncertainty"), OuterRef(f"{path}spectrum_id")
        return self.filter(Q(uncertainty__lt=level) | Q(uncertainty=level, spectrum__gt=number))


class QueueEntry(models.Model):
    """One transient as one audience sees it, if it has a prediction or a decision there.

    The table is a projection of the spectra and classifications. When they change, triage.queue.entries rebuilds it.

    transient: the transient.
    group: the audience, or None for everybody.
    spectrum: the audience's spectrum with the surest prediction, or None. A spectrum has at most one entry.
    predicted_class: class of that prediction, or "".
    uncertainty: uncertainty of that prediction, or None.
    contradiction: how strongly the audience's epochs contradict each other (0–1), or None without a prediction.
    priority: place in the queue, the largest first (see triage.queue.priority), or None without a prediction.
    state: outcome of the decisions, AUTOMATIC if there is none and a policy classified the transient, or "".
    class_name: class that was decided, or "".
    shown_class: class that the transient counts as: the decided one if it is vetted, else the predicted one; or "".
    decided_at: time of the decision that stands, or None.
    classification: id of the classification, or None.
    shared: another audience has an entry of this transient too, so what a user sees follows from several entries.
    waits: there is a prediction, and the transient may be waiting. For a shared entry that depends on who asks.
    arrived_at: when the transient was created.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="queue_entries")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+", db_index=False)
    spectrum = models.ForeignKey(
        "triage.Spectrum", on_delete=models.CASCADE, null=True, blank=True, related_name="queue_entries"
    )
    predicted_class = models.CharField(max_length=60, blank=True)
    uncertainty = models.FloatField(null=True, blank=True)
    contradiction = models.FloatField(null=True, blank=True)
    priority = models.FloatField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=(*OutcomeState.choices, (AUTOMATIC, "automatic")), blank=True)
    class_name = models.CharField(max_length=60, blank=True)
    shown_class = models.CharField(max_length=60, blank=True, default="", db_default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    classification = models.BigIntegerField(null=True, blank=True)
    shared = models.BooleanField()
    waits = models.BooleanField()
    arrived_at = models.DateTimeField()

    objects = QueueEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "queue entries"
        constraints = (
            models.UniqueConstraint(
                fields=("transient",), condition=Q(group__isnull=True), name="one_public_queue_entry"
            ),
            models.UniqueConstraint(
                fields=("transient", "group"), condition=Q(group__isnull=False), name="one_queue_entry_a_group"
            ),
        )
        indexes = (
            models.Index(fields=("-uncertainty", "transient"), condition=Q(waits=True), name="queue_waiting"),
            models.Index(fields=("-priority", "transient"), condition=Q(waits=True), name="queue_priority"),
            models.Index(
                fields=("predicted_class", "-priority", "transient"),
                condition=Q(waits=True),
                name="queue_priority_class",
            ),
            models.Index(fields=("transient",), condition=Q(shared=True), name="queue_shared"),
            models.Index(fields=("state", "waits", "group"), condition=Q(shared=False), name="queue_counted"),
            models.Index(fields=("state", "-arrived_at", "-transient"), name="queue_state"),
            # Lists of one class, in any state or in one.
            models.Index(fields=("shown_class", "state", "-arrived_at", "-transient"), name="queue_class"),
        )

    def __str__(self) -> str:
        return f"{self.transient_id} before {self.group_id or 'everybody'}"
