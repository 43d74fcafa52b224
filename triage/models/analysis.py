"""Analyses that somebody asked for with a click on a SkyPortal's source page."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from triage.models import encryption
from triage.models.skyportal import SkyPortalInstance


class AnalysisState(models.TextChoices):
    """State of an analysis."""

    WAITING = "waiting", "to be computed"
    COMPUTED = "computed", "to be sent back"
    SENT = "sent", "sent back"
    TOO_LATE = "too_late", "not taken in time"
    GIVEN_UP = "given_up", "given up"


class AnalysisJob(models.Model):
    """One analysis that a SkyPortal asked for: it sends spectra, and gets the answer at its callback address.

    Nothing of an analysis enters the desk's own records.

    instance: the SkyPortal that asks.
    user: owner of the API token with which it asks.
    remote_name: the transient's name on that server.
    encrypted_callback: the callback address, which is a secret.
    callback_hash: SHA-256 of the callback address, which is different for each analysis.
    invalid_after: time after which the server takes no answer.
    spectra: the spectra as CSV, as they were sent.
    redshift: redshift known to the server, or None.
    state: how far the analysis has come.
    result: the answer that is sent back; empty until it is computed.
    attempts: number of attempts to compute or to send.
    next_attempt_at: time before which nobody tries (again), which also serves as the lease of the worker at it.
    last_error: why the last attempt failed, for people.
    created_at: when the server asked.
    finished_at: when the answer was taken or given up, or None.
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
        """Return the callback address in clear. Raises TokenUnreadableError if the key has changed."""
        return encryption.decrypt(self.encrypted_callback)

    @callback_url.setter
    def callback_url(self, value: str) -> None:
        self.encrypted_callback = encryption.encrypt(value)
