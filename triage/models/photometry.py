"""Light curves: brightness over time, shown beside the spectra."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from triage.models.audience import AudienceQuerySet


class Photometry(models.Model):
    """One light curve: an uploaded file, or a SkyPortal source, whose light curve is replaced when it is fetched again.

    transient: the transient.
    group: the audience, or None for everybody who sees the transient.
    uploaded_by: user who uploaded the file, or None.
    filename: name of the file, or a name that tells where the light curve was fetched.
    sha256: SHA-256 of the file, or of what identifies the SkyPortal source.
    unit: unit of the values and errors.
    points: rows of (MJD, filter, value, error); see triage.intake.photometry.
    limits: rows of (MJD, filter, value), upper limits.
    instance: SkyPortal that it was fetched from, or None for a file.
    remote_name: the transient's name on that server, or "" for a file.
    fetched_at: when it was fetched, or None for a file.
    created_at: when it was stored first.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="photometry")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    unit = models.CharField(max_length=4, choices=(("mag", "magnitudes"), ("uJy", "fluxes in µJy"), ("flux", "fluxes")))
    points = models.JSONField()
    limits = models.JSONField(default=list)
    instance = models.ForeignKey(
        "triage.SkyPortalInstance", on_delete=models.CASCADE, null=True, blank=True, related_name="photometry"
    )
    remote_name = models.CharField(max_length=200, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AudienceQuerySet["Photometry"].as_manager()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "photometry"
        constraints = (
            models.UniqueConstraint(
                fields=("transient", "sha256"), condition=models.Q(group__isnull=True), name="photometry_once_in_public"
            ),
            models.UniqueConstraint(
                fields=("transient", "sha256", "group"),
                condition=models.Q(group__isnull=False),
                name="photometry_once_in_a_group",
            ),
            models.UniqueConstraint(
                fields=("instance", "remote_name"),
                condition=models.Q(instance__isnull=False),
                name="photometry_once_a_source",
            ),
        )

    def __str__(self) -> str:
        return f"{self.filename} ({len(self.points)} points)"
