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

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("current",), condition=models.Q(current=True), name="one_current_checkpoint"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.hash[:10]})"
