"""Brightness over time, beside the spectra: the first step beyond one wavelength range."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from triage.querysets import SharedQuerySet


class Photometry(models.Model):
    """The light curve of one uploaded file, or of one source of a SkyPortal, which is replaced when it is fetched anew.

    group: None, everybody who sees the transient; else only that group's members. points: rows of (mjd, filter, value,
    error), limits: of (mjd, filter, value), see triage.light_curve; unit: of value and error. sha256: of the file, or
    of what makes the source's one. instance, remote_name, fetched_at: of a SkyPortal's; None, "" and None of a file.
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

    objects: ClassVar = SharedQuerySet.as_manager()

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
