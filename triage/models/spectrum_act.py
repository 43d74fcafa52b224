"""Acts: what people did with a spectrum's file. No act is ever erased."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from triage.models.audience import AudienceQuerySet


class ActKind(models.TextChoices):
    """Act of a user on a spectrum's file."""

    CORRECTED = "corrected", "read again"
    DISCARDED = "discarded", "discarded"
    RESTORED = "restored", "restored"
    MOVED = "moved", "moved"
    FACTS = "facts", "corrected"


class SpectrumAct(models.Model):
    """One act. Rows are only added.

    spectrum: the spectrum.
    group: the audience that saw the spectrum before the act, or None for everybody. An act stays with it, but making a
        public spectrum private belongs to the group.
    user: user who acted, or None if the account is gone.
    kind: what the user did.
    detail: names of the transients that it was moved from and to; or, for each fact or each correction of the reading,
        its value before and after.
    created_at: when.
    """

    spectrum = models.ForeignKey("triage.Spectrum", on_delete=models.PROTECT, related_name="acts")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=12, choices=ActKind.choices)
    detail = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AudienceQuerySet["SpectrumAct"].as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.kind} spectrum {self.spectrum_id}"
