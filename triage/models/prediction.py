"""Predictions: what the network says of one reading of one spectrum."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.db.models import F

from triage.models.audience import AudienceQuerySet

if TYPE_CHECKING:
    from triage.models.brightness import Brightness
    from triage.models.named_matches import NamedMatches


class ImmutableRecordError(Exception):
    """A program tried to change a record that may only be added."""


@dataclasses.dataclass(frozen=True)
class Phase:
    """Phase of a spectrum.

    days: rest-frame days from maximum.
    error: 1σ error in days.
    origin: what it follows from, in words.
    if_class: class that it is told for and does not support; "" if it needs none.
    """

    days: float
    error: float
    origin: str
    if_class: str = ""


class PredictionQuerySet(AudienceQuerySet["Prediction"]):
    """Predictions. A user who may see a spectrum may see its predictions."""

    group_path: ClassVar[str] = "spectrum__"

    def with_contradiction(self) -> Self:
        """Annotate ``contradiction``: how strongly the transient's epochs contradict each other (0–1)."""
        return self.annotate(contradiction=F("spectrum__queue_entries__contradiction"))


class Prediction(models.Model):
    """Calibrated class probabilities and a redshift. Rows are only added, never updated.

    spectrum: the spectrum.
    reading: which reading of the file was classified; see Spectrum.reading.
    checkpoint: the checkpoint that made the prediction.
    redshift_used: known redshift with which the spectrum was moved to the rest frame, or None for a blind run.
    class_name: the most probable class.
    probabilities: calibrated probability of each class; they sum to 1.
    parents: probability of each group of classes.
    conformal_set: classes of the 90 % conformal set.
    novelty: share of known spectra that looked more familiar to the network (0–1).
    uncertainty: 1 − the largest probability, stored because lists are ordered by it.
    redshift: the network's own estimate, or None if it does not trust it.
    redshift_error: its 1σ error, or None.
    crosscheck: class, redshift and score of the best template, or None.
    without_host_light: share of the light that was taken off as the host's before, or None.
    created_at: when the prediction was stored.
    """

    spectrum = models.ForeignKey("triage.Spectrum", on_delete=models.CASCADE, related_name="predictions")
    reading = models.PositiveIntegerField()
    checkpoint = models.ForeignKey("triage.Checkpoint", on_delete=models.PROTECT, related_name="predictions")
    redshift_used = models.FloatField(null=True, blank=True)
    class_name = models.CharField(max_length=60)
    probabilities = models.JSONField()
    parents = models.JSONField(default=dict)
    conformal_set = models.JSONField(default=list)
    novelty = models.FloatField()
    uncertainty = models.FloatField()
    redshift = models.FloatField(null=True, blank=True)
    redshift_error = models.FloatField(null=True, blank=True)
    crosscheck = models.JSONField(null=True, blank=True)
    without_host_light = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # Annotated by PredictionQuerySet.with_contradiction; a prediction fetched otherwise does not have it.
    contradiction: float | None
    # Fetched by BrightnessQuerySet.for_reader.
    visible_brightnesses: list[Brightness]

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("spectrum", "reading", "checkpoint"),
                condition=models.Q(redshift_used__isnull=True),
                name="one_blind_prediction",
            ),
            models.UniqueConstraint(
                fields=("spectrum", "reading", "checkpoint", "redshift_used"),
                condition=models.Q(redshift_used__isnull=False),
                name="one_prediction_a_redshift",
            ),
        )
        indexes = (
            models.Index(fields=("spectrum", "-id"), name="prediction_latest"),
            models.Index(fields=("class_name", "-uncertainty"), name="prediction_class_uncertainty"),
        )

    def __str__(self) -> str:
        return f"{self.class_name} ({1 - self.uncertainty:.2f})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None and not self._state.adding:
            raise ImmutableRecordError("a prediction is never changed; add a new one")
        super().save(*args, **kwargs)

    @property
    def probability(self) -> float:
        """Return the calibrated probability of ``class_name``."""
        return 1 - self.uncertainty

    @property
    def named(self) -> NamedMatches | None:
        """Return the library's named matches, or None if there are none."""
        return getattr(self, "named_matches", None)

    @property
    def host_share(self) -> float | None:
        """Return the share of host light (0–1) that is told of the spectrum and still in it, or None."""
        if self.named is None or self.without_host_light is not None:
            return None
        return self.named.host_light

    @property
    def brightness(self) -> Brightness | None:
        """Return what the light curves say that the reader sees, or None if there are none or they were not fetched.

        If a reader has several answers, one for each group, the one with the most measurements counts.
        """
        return max(getattr(self, "visible_brightnesses", []), key=lambda row: row.points, default=None)

    @property
    def phase(self) -> Phase | None:
        """Return the phase of the spectrum: that of the light curve, else that of the named matches, else None."""
        for row, origin, if_class in (
            (self.brightness, "the light curve", ""),
            (self.named, "named matches", self.class_name),
        ):
            if row is not None and row.phase is not None and row.phase_error is not None:
                return Phase(row.phase, row.phase_error, origin, if_class)
        return None


class PredictionEvidence(models.Model):
    """Attribution and embedding of a prediction, written with it. A prediction of an early release has none.

    prediction: the prediction.
    class_name: the class that the attribution explains.
    wavelength_first: where the attribution begins, Å, in the frame of the file.
    wavelength_last: where it ends, Å, in the frame of the file.
    contribution: int8 (n,) at equal steps of ln λ, from −127 (most against the class) to 127 (most for it).
    embedding: float16 (m,), a direction; spectra that look alike to the network have directions near each other.
    """

    prediction = models.OneToOneField(Prediction, on_delete=models.CASCADE, primary_key=True, related_name="evidence")
    class_name = models.CharField(max_length=60)
    wavelength_first = models.FloatField()
    wavelength_last = models.FloatField()
    contribution = models.BinaryField()
    embedding = models.BinaryField()

    class Meta:
        verbose_name_plural = "evidence of predictions"

    def __str__(self) -> str:
        return f"evidence for {self.class_name}"
