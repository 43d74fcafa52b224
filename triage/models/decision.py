"""The ledger of what reviewers decided, and the classification that follows from it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from triage.models.prediction import ImmutableRecordError
from triage.querysets import ClassificationQuerySet, DecisionQuerySet


class Verdict(models.TextChoices):
    CONFIRM = "confirm", "confirmed"
    OVERRIDE = "override", "overridden"
    UNSURE = "unsure", "unsure"
    BAD_SPECTRUM = "bad_spectrum", "bad spectrum"
    UNDO = "undo", "undone"


VETTING = (Verdict.CONFIRM, Verdict.OVERRIDE)


class Decision(models.Model):
    """One row of the append-only ledger; written by triage.review alone.

    group: the audience, that of the spectrum it rests on; None, everybody.
    prediction: the one the reviewer saw. spectrum: the one that is bad, or that was looked at.
    supersedes: the decision that stood before, or, where the verdict is undo, the one taken back.
    spectra_seen: ids of the spectra that were on the page. prediction_seen: the prediction's class, probability,
    redshift and checkpoint hash, copied so that the row explains itself for ever.
    blind: the prediction was hidden from the reviewer.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.PROTECT, related_name="decisions")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    class_name = models.CharField(max_length=60, blank=True)
    redshift = models.FloatField(null=True, blank=True)
    comment = models.TextField(blank=True, max_length=4000)
    prediction = models.ForeignKey(
        "triage.Prediction", on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    spectrum = models.ForeignKey(
        "triage.Spectrum", on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    prediction_seen = models.JSONField(default=dict, blank=True)
    spectra_seen = models.JSONField(default=list, blank=True)
    blind = models.BooleanField(default=False)
    supersedes = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="vetting_names_a_class",
                condition=~models.Q(verdict__in=[v.value for v in VETTING]) | ~models.Q(class_name=""),
            ),
            # A decision can be undone once.
            models.UniqueConstraint(fields=("supersedes",), condition=models.Q(verdict="undo"), name="undone_once"),
        )
        indexes = (models.Index(fields=("transient", "-id"), name="decision_of_transient"),)

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.class_name}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRecordError("a decision is never changed; undo it and decide again")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise ImmutableRecordError("a decision is never deleted; undo it")


class Classification(models.Model):
    """The decision that stands for a transient before one audience: a projection of the ledger, rebuilt by
    triage.review whenever a decision is added. No row: nothing stands."""

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="classifications")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="classification")
    vetted = models.BooleanField()
    decided_at = models.DateTimeField()

    objects: ClassVar = ClassificationQuerySet.as_manager()

    class Meta:
        ordering = ("-decided_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("transient",),
                condition=models.Q(group__isnull=True),
                name="one_public_classification",
            ),
            models.UniqueConstraint(
                fields=("transient", "group"),
                condition=models.Q(group__isnull=False),
                name="one_classification_a_group",
            ),
        )
        indexes = (models.Index(fields=("vetted", "-decided_at"), name="classification_vetted"),)

    def __str__(self) -> str:
        return f"{self.transient_id}: {self.decision_id}"
