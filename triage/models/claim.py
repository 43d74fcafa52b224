"""Who is looking at a transient just now."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from triage.querysets import ClaimQuerySet


class Claim(models.Model):
    """One reviewer's hold on one transient; it lapses at ``until``. Written by triage.claims alone."""

    transient = models.OneToOneField("triage.Transient", on_delete=models.CASCADE, related_name="claim")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="claims")
    since = models.DateTimeField()
    until = models.DateTimeField()

    objects: ClassVar = ClaimQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("until",), name="claim_until"),)

    def __str__(self) -> str:
        return f"{self.transient_id} until {self.until:%H:%M}"
