"""What the network said of one reading of one spectrum."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from triage.querysets import PredictionQuerySet


class ImmutableRecordError(Exception):
    """An attempt to change a record that may only be added."""


class Prediction(models.Model):
    """Calibrated class probabilities and a redshift. Never updated, only added.

    redshift_used: the known redshift that took the spectrum to the rest frame; None for a blind run.
    redshift, redshift_error: the network's own estimate (1σ), None where it does not trust it.
    uncertainty: 1 - the largest probability, stored because lists are ordered by it.
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
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = PredictionQuerySet.as_manager()

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
            raise ImmutableRecordError("a prediction is never updated, only added")
        super().save(*args, **kwargs)

    @property
    def probability(self) -> float:
        """Calibrated probability of ``class_name``."""
        return 1 - self.uncertainty


class PredictionEvidence(models.Model):
    """What a prediction rests on, written with it; a prediction of an earlier desk has none.

    class_name: the class that is explained. wavelength_first, wavelength_last: Å, in the frame that the spectrum came
    in; contribution: int8, from -127, most against the class, to 127, most for it, at equal steps of ln λ between the
    two. embedding: float16, a direction in which spectra that look alike to the network lie near each other.
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
