"""The append-only ledger of reviewers' decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, OuterRef

from triage.models.audience import AudienceQuerySet
from triage.models.prediction import ImmutableRecordError, Phase


class Verdict(models.TextChoices):
    """A reviewer's verdict on a transient or on one spectrum."""

    CONFIRM = "confirm", "confirmed"
    OVERRIDE = "override", "overridden"
    UNSURE = "unsure", "unsure"
    BAD_SPECTRUM = "bad_spectrum", "bad spectrum"
    UNDO = "undo", "undone"


VETTING = (Verdict.CONFIRM, Verdict.OVERRIDE)
_LINKS = {Verdict.CONFIRM: "as", Verdict.OVERRIDE: "to"}


class DecisionQuerySet(AudienceQuerySet["Decision"]):
    """Rows of the ledger, each visible to one audience."""

    def in_force(self) -> Self:
        """Return the decisions that were not undone, without the rows that undo others."""
        return self.exclude(verdict=Verdict.UNDO).filter(~was_undone())


class Decision(models.Model):
    """One row of the append-only ledger. Written by triage.review.decisions alone.

    transient: the transient that was decided on.
    group: the audience, which is that of the spectrum that the decision rests on; None for everybody.
    reviewer: the user who decided.
    verdict: what the reviewer said.
    class_name: class named by a confirmation or an override, else "".
    redshift: the reviewer's own redshift, or None.
    comment: free text.
    prediction: the prediction that the reviewer saw, or None.
    spectrum: the spectrum that is bad, or that the reviewer looked at; None if unknown.
    prediction_seen: class, probability, redshift and checkpoint hash of the prediction, copied so that the row explains
        itself for ever.
    spectra_seen: ids of the spectra on the page.
    decisions_seen: ids of the ledger's rows on the page; empty for a blind vote.
    blind: the prediction and the earlier votes were hidden from the reviewer.
    needs_second: the policy of that time asked for a second reviewer's vote on this one.
    settles: this vote ends a dispute, because a third reviewer or staff gave it.
    joins: somebody else had decided on the transient before, before whatever audience.
    batch: id shared by decisions that were taken together, or None.
    supersedes: the decision that stood before; where the verdict is undo, the decision that is taken back.
    created_at: when the decision was taken.
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
    joins = models.BooleanField(default=False, db_default=False)
    batch = models.UUIDField(null=True, blank=True)
    supersedes = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DecisionQuerySet.as_manager()

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
            # Agreement compares the latest transients that several people decided on.
            models.Index(fields=("-id",), condition=models.Q(joins=True), name="decision_joined_latest"),
            models.Index(fields=("batch",), condition=models.Q(batch__isnull=False), name="decision_batch"),
        )

    def __str__(self) -> str:
        """Return the decision in words, such as “confirmed as SN Ia” or “unsure”."""
        link = _LINKS.get(Verdict(self.verdict), "")
        return f"{self.get_verdict_display()} {link} {self.class_name}" if link else self.get_verdict_display()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ImmutableRecordError("a decision is never changed; undo it and decide again")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise ImmutableRecordError("a decision is never deleted; undo it")

    @property
    def phase(self) -> Phase | None:
        """Return the phase that the reviewer saw, or None if it was unknown."""
        return phase_told(self.prediction_seen, self.class_name)


def phase_told(seen: Mapping[str, Any], class_name: str) -> Phase | None:
    """Return the phase that a copied prediction tells, or None.

    seen: the copy, as ``Decision.prediction_seen`` holds it.
    class_name: the class that stands.

    That of the light curve comes first. The library's belongs to the predicted class, so it counts where that stands.
    """
    bright, library = (seen.get(name) or {} for name in ("brightness", "library"))
    if class_name != seen.get("class_name"):
        library = {}
    for told, origin in ((bright, "the light curve"), (library, "named matches")):
        if told.get("phase") is not None and told.get("phase_error") is not None:
            return Phase(told["phase"], told["phase_error"], origin)
    return None


def was_undone() -> Exists:
    """Return the condition that a later row undid the row of the outer query."""
    return Exists(Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk")))
