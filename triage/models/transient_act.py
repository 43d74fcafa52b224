"""Acts: what people corrected on a transient. No act is ever erased."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class TransientAct(models.Model):
    """One correction. Rows are only added.

    transient: the transient.
    user: user who corrected it, or None if the account is gone.
    detail: for each corrected fact its value before and after.
    created_at: when.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="acts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    detail = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"corrected {self.transient_id}"
