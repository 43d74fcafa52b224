"""Which weights made a prediction."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Checkpoint(models.Model):
    """A trained network as it was used: hash of its files, taxonomy version, its own measured figures.

    current: the one whose predictions count; at most one.
    """

    hash = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    taxonomy_version = models.CharField(max_length=40)
    metrics = models.JSONField(default=dict, blank=True)
    current = models.BooleanField(default=False)
    promoted_at = models.DateTimeField(null=True, blank=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # What its last shadow run found; see triage.shadow.
    shadow = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("current",), condition=models.Q(current=True), name="one_current_checkpoint"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.hash[:10]})"


class CheckpointFile(models.Model):
    """One file of a checkpoint's folder. In the database, so that a promotion reaches the workers of every machine, and
    the way back stays open."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=120)
    content = models.BinaryField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("checkpoint", "name"), name="checkpoint_file_once"),)

    def __str__(self) -> str:
        return self.name


class Promotion(models.Model):
    """When a checkpoint became the current one, and by whom; only added. by: None where a worker took up the one that
    the settings name.

    repredicted_below: the queue's spectra from this id on have been sent to it again, from the newest down; None: not
    begun. repredicted_at: when all had been; see triage.checkpoints.
    """

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="promotions")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    repredicted_below = models.BigIntegerField(null=True, blank=True)
    repredicted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.checkpoint} at {self.at:%Y-%m-%d %H:%M}"
