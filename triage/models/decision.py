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
# Between verdict and class, where there is one.
_LINKS = {Verdict.CONFIRM: "as", Verdict.OVERRIDE: "to"}


class Standing(models.TextChoices):
    """What the ledger says of a transient before one audience; see triage.standing."""

    DONE = "done", "vetted"
    SECOND_OPINION = "second_opinion", "second opinion wanted"
    DISPUTED = "disputed", "disputed"
    UNSURE = "unsure", "unsure"
    BAD_SPECTRUM = "bad_spectrum", "bad spectrum"


class Decision(models.Model):
    """One row of the append-only ledger; written by triage.review alone.

    group: the audience, that of the spectrum it rests on; None, everybody.
    prediction: the one the reviewer saw. spectrum: the one that is bad, or that was looked at.
    supersedes: the decision that stood before, or, where the verdict is undo, the one taken back.
    spectra_seen: ids of the spectra that were on the page. prediction_seen: the prediction's class, probability,
    redshift and checkpoint hash, copied so that the row explains itself for ever.
    blind: the prediction and the votes before were hidden from the reviewer. decisions_seen: ids of the rows of the
    ledger that were not. needs_second: the policy of the time wanted a second reviewer's word for this one. settles: a
    third person's or staff's word on a dispute. batch: of decisions taken together.
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
    decisions_seen = models.JSONField(default=list, blank=True)
    blind = models.BooleanField(default=False)
    needs_second = models.BooleanField(default=False)
    settles = models.BooleanField(default=False)
    batch = models.UUIDField(null=True, blank=True)
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
        indexes = (
            models.Index(fields=("transient", "-id"), name="decision_of_transient"),
            models.Index(fields=("batch",), condition=models.Q(batch__isnull=False), name="decision_batch"),
        )

    def __str__(self) -> str:
        """“confirmed as SN Ia”, “unsure”."""
        link = _LINKS.get(Verdict(self.verdict), "")
        return f"{self.get_verdict_display()} {link} {self.class_name}" if link else self.get_verdict_display()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRecordError("a decision is never changed; undo it and decide again")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise ImmutableRecordError("a decision is never deleted; undo it")


class Classification(models.Model):
    """The decision that stands for a transient before one audience: a projection of the ledger, rebuilt by
    triage.standing whenever a decision is added. No row: nothing stands.

    decision: where votes are still counted, the newest of them. voters: those whose votes it rests on, where it took
    more than one; vetted: it is done."""

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="classifications")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="classification")
    state = models.CharField(max_length=16, choices=Standing.choices)
    vetted = models.BooleanField()
    voters = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
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
        indexes = (
            models.Index(fields=("vetted", "-decided_at"), name="classification_vetted"),
            models.Index(fields=("state", "-decided_at"), name="classification_state"),
            models.Index(fields=("transient", "-decided_at", "-id"), name="classification_newest"),
        )

    def __str__(self) -> str:
        return f"{self.transient_id}: {self.decision_id}"
