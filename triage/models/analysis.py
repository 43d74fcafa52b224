"""Analyses that somebody asked for with a click on a SkyPortal's source page."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from triage import vault
from triage.models.skyportal import SkyPortalInstance


class AnalysisState(models.TextChoices):
    WAITING = "waiting", "to be computed"
    COMPUTED = "computed", "to be sent back"
    SENT = "sent", "sent back"
    TOO_LATE = "too_late", "not taken in time"
    GIVEN_UP = "given_up", "given up"


class AnalysisJob(models.Model):
    """One push of a SkyPortal: spectra in, an answer to its callback address. Nothing of it enters the desk's records.

    callback_hash: of the callback address, which is a secret and stands there once for each analysis. spectra: the CSV
    as it came. redshift: known there, None if not. next_attempt_at doubles as the lease of whoever works on it.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="analyses")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    remote_name = models.CharField(max_length=200)
    encrypted_callback = models.TextField()
    callback_hash = models.CharField(max_length=64, unique=True)
    invalid_after = models.DateTimeField()
    spectra = models.TextField()
    redshift = models.FloatField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=AnalysisState.choices, default=AnalysisState.WAITING)
    result = models.JSONField(default=dict, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("id",), condition=models.Q(state__in=("waiting", "computed")), name="analysis_open"),
        )

    def __str__(self) -> str:
        return f"{self.remote_name} for {self.instance_id}"

    @property
    def callback_url(self) -> str:
        """In clear. Raises TokenUnreadableError."""
        return vault.decrypt(self.encrypted_callback)

    @callback_url.setter
    def callback_url(self, value: str) -> None:
        self.encrypted_callback = vault.encrypt(value)
