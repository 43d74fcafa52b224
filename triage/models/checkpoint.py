"""Checkpoints: the trained weights that predictions are made with."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Checkpoint(models.Model):
    """A trained network that has made predictions here.

    hash: SHA-256 over the checkpoint's files.
    name: name of the checkpoint, for people.
    taxonomy_version: version of the taxonomy that it was trained with.
    metrics: figures measured when it was trained, as the checkpoint lists them.
    current: its predictions are the ones that count; true for at most one checkpoint.
    promoted_at: when it became the current one last, or None.
    promoted_by: user who promoted it, or None if a worker took it up from the settings.
    created_at: when the desk first saw it.
    shadow: result of its last shadow run (see triage.inference.shadow), or None.
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
    """One file of a checkpoint's folder.

    Files are stored in the database, so that a promotion reaches the workers on every machine and can be taken back.

    checkpoint: the checkpoint.
    name: file name.
    content: the bytes.
    """

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=120)
    content = models.BinaryField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("checkpoint", "name"), name="checkpoint_file_once"),)

    def __str__(self) -> str:
        return self.name


class Promotion(models.Model):
    """One occasion on which a checkpoint became the current one. Rows are only added.

    checkpoint: the checkpoint.
    by: user who promoted it, or None if a worker took up the one that the settings name.
    at: when.
    repredicted_below: spectra of the queue with this id or a larger one have returned to the backlog, from the newest
        down (see triage.inference.checkpoints). None if that has not begun.
    repredicted_at: when all of them had returned, or None.
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
