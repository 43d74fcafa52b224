"""Sources, spectra and classifications on SkyPortal servers, and the versions that were imported."""

from __future__ import annotations

from typing import Any

from django.db import models

from triage.models.skyportal import ConnectedQuerySet, SkyPortalInstance


class RemoteState(models.TextChoices):
    """State of the import of a remote spectrum."""

    PENDING = "pending", "to be fetched"
    IMPORTED = "imported", "imported"
    SKIPPED = "skipped", "skipped"
    FAILED = "failed", "failed"


class RemoteSource(models.Model):
    """One source on a server, as it was last read, so that its spectra do not have it asked for again.

    instance: the connection.
    name: the source's name on the server.
    stated: what the server says of it; the fields of ``remote_records.Source``.
    classified: all its classifications are stored here.
    photometry_at: when an answer about its light curve last came, or None.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="sources")
    name = models.CharField(max_length=200)
    stated = models.JSONField()
    classified = models.BooleanField(default=False)
    photometry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("instance", "name"), name="remote_source_once_an_instance"),)

    def __str__(self) -> str:
        return self.name


class RemoteSpectrum(models.Model):
    """One spectrum on a server, from its first listing on. The table is also the sync's list of work.

    instance: the connection.
    remote_id: id of the spectrum on the server.
    remote_name: the transient's name on the server.
    moved_from: name of the source that it was imported for, if it belongs to another one there by now; else "".
    remote_modified: when the server last changed it, as last listed; None if unknown.
    state: how far the import has come.
    reason: code of the reason why it was skipped or failed, or "".
    detail: that reason in words.
    attempts: number of attempts to fetch it.
    next_attempt_at: time before which nobody tries again, or None.
    content_hash: hash of the version that was imported last, or "".
    spectrum: the imported spectrum, or None.
    gone_at: when a full listing no longer held it, or None. The imported spectrum stays.
    first_listed_at: when it was first listed.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="remote_spectra")
    remote_id = models.PositiveBigIntegerField()
    remote_name = models.CharField(max_length=200)
    moved_from = models.CharField(max_length=200, blank=True, db_default="")
    remote_modified = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=RemoteState.choices, default=RemoteState.PENDING)
    reason = models.CharField(max_length=60, blank=True)
    detail = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    spectrum = models.ForeignKey(
        "triage.Spectrum", on_delete=models.SET_NULL, null=True, blank=True, related_name="skyportal"
    )
    gone_at = models.DateTimeField(null=True, blank=True)
    first_listed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "remote spectra"
        constraints = (
            models.UniqueConstraint(fields=("instance", "remote_id"), name="remote_spectrum_once_an_instance"),
        )
        indexes = (
            models.Index(
                fields=("instance", "remote_modified", "remote_id"),
                condition=models.Q(state="pending"),
                name="remote_spectrum_pending",
            ),
            models.Index(fields=("instance", "remote_name"), name="remote_spectrum_name"),
        )

    def __str__(self) -> str:
        return f"{self.remote_name} #{self.remote_id}"


class SkyPortalImport(models.Model):
    """One version of a remote spectrum, imported once.

    instance: the connection.
    remote_id: id of the spectrum on the server.
    content_hash: hash of the version.
    spectrum: the imported spectrum.
    original: the file as it was stored.
    imported_at: when.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="imports")
    remote_id = models.PositiveBigIntegerField()
    content_hash = models.CharField(max_length=64)
    spectrum = models.ForeignKey("triage.Spectrum", on_delete=models.CASCADE, related_name="+")
    original = models.ForeignKey("triage.Original", on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("instance", "remote_id", "content_hash"), name="imported_version_once"),
        )

    def __str__(self) -> str:
        return f"#{self.remote_id} {self.content_hash[:10]}"


class RemoteClassification(models.Model):
    """One classification of a source on its server, by people or machines.

    It is shown beside the desk's own classification, and never counted as one.

    instance: the connection.
    remote_id: id of the classification on the server.
    remote_name: the transient's name on the server.
    name: the server's name of the class.
    class_name: the desk's name of the class, or "" if it has no such class.
    probability: the server's probability (0–1), or None.
    machine: a machine classified it.
    ours: this desk posted it.
    author: who classified it, or "".
    origin: the server's note on where it comes from.
    remote_created: when it was made on the server; None if it was stored by an earlier release and not read since.
    remote_modified: when the server last changed it, or None.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="classifications")
    remote_id = models.PositiveBigIntegerField()
    remote_name = models.CharField(max_length=200)
    name = models.CharField(max_length=120)
    class_name = models.CharField(max_length=60, blank=True)
    probability = models.FloatField(null=True, blank=True)
    machine = models.BooleanField(default=False)
    ours = models.BooleanField(default=False)
    author = models.CharField(max_length=120, blank=True)
    origin = models.TextField(blank=True)
    remote_created = models.DateTimeField(null=True, blank=True)
    remote_modified = models.DateTimeField(null=True, blank=True)

    objects = ConnectedQuerySet["RemoteClassification"].as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("instance", "remote_id"), name="remote_classification_once_an_instance"),
        )
        indexes = (models.Index(fields=("instance", "remote_name"), name="remote_classification_name"),)

    def __str__(self) -> str:
        return f"{self.remote_name}: {self.name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.origin = self.origin[:2000]
        super().save(*args, **kwargs)
