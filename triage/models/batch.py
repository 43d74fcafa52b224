"""How long batches took, for the metrics."""

from __future__ import annotations

from django.db import models


class InferenceBatch(models.Model):
    """One batch that a worker classified: how many spectra, and seconds from claim to stored. Kept for some days."""

    size = models.PositiveIntegerField()
    seconds = models.FloatField()
    finished_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "inference batches"
        indexes = (models.Index(fields=("finished_at",), name="inference_batch_finished"),)

    def __str__(self) -> str:
        return f"{self.size} in {self.seconds:.2f} s"
