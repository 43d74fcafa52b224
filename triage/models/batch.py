"""Batches that a worker classified, kept for the metrics."""

from __future__ import annotations

from django.db import models


class InferenceBatch(models.Model):
    """One batch that a worker classified. Rows are deleted after some days.

    size: number of spectra.
    seconds: time from the claim to the stored predictions, s.
    finished_at: when the predictions were stored.
    """

    size = models.PositiveIntegerField()
    seconds = models.FloatField()
    finished_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "inference batches"
        indexes = (models.Index(fields=("finished_at",), name="inference_batch_finished"),)

    def __str__(self) -> str:
        return f"{self.size} in {self.seconds:.2f} s"
