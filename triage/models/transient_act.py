"""Acts: what people corrected on a transient. No act is ever erased."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from triage.models.audience import AudienceQuerySet


class TransientAct(models.Model):
    """One correction. Rows are only added.

    transient: the transient.
    group: the audience that saw the transient then, or None for everybody. An act stays with it.
    user: user who corrected it, or None if the account is gone or the desk did it.
    detail: for each corrected fact its value before and after; "own_redshifts" are those of spectra, by their ids.
    created_at: when.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="acts")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    detail = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AudienceQuerySet["TransientAct"].as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"corrected {self.transient_id}"
