"""What the queue is read from: a few columns of what waits and what stands, in the order in which it is asked for."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from triage.models.decision import Standing
from triage.querysets import QueueEntryQuerySet


class QueueEntry(models.Model):
    """One transient before one audience, where it has a prediction or a decision there: a projection of the spectra and
    the classifications of that audience, rebuilt by triage.queue_entries.

    group: the audience; None, everybody. spectrum, predicted_class, uncertainty: of the audience's surest prediction,
    None, "" and None without one; a spectrum has one entry at most. contradiction, priority: as triage.value has them,
    of its predictions and of the surest one, None without. state, class_name, decided_at, classification (its id): of
    what stands, "", "", None and None where nothing does. shared: the transient has an entry of another audience too,
    so that what a user sees is told by all of his alone. waits: there is a prediction, and before this audience alone,
    or before some who also see another entry, the transient may wait. arrived_at: the transient's created_at.
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
    state = models.CharField(max_length=16, choices=Standing.choices, blank=True)
    class_name = models.CharField(max_length=60, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    classification = models.BigIntegerField(null=True, blank=True)
    shared = models.BooleanField()
    waits = models.BooleanField()
    arrived_at = models.DateTimeField()

    objects: ClassVar = QueueEntryQuerySet.as_manager()

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
        )

    def __str__(self) -> str:
        return f"{self.transient_id} before {self.group_id or 'everybody'}"
