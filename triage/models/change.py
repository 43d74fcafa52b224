"""What became of vetted classifications, in the order in which it was committed."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models

from triage.querysets import SharedQuerySet


class ClassificationChange(models.Model):
    """One vetted classification began to stand before one audience, or stands no more. Written by triage.changes alone.

    id: a sequence without surprises: whoever sees one row sees all rows with smaller ids, for ever.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.PROTECT, related_name="+")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decision = models.ForeignKey("triage.Decision", on_delete=models.PROTECT, related_name="changes")
    withdrawn = models.BooleanField()
    changed_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = SharedQuerySet.as_manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.pk}: decision {self.decision_id} {'withdrawn' if self.withdrawn else 'stands'}"
