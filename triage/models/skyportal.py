"""SkyPortal servers that spectra come from, and what has come from each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from triage import vault
from triage.querysets import ConnectedQuerySet, SharedQuerySet


class Policy(models.TextChoices):
    """Whether something is posted to the server."""

    NEVER = "never", "never"
    ASK = "ask", "ask first"
    ALWAYS = "always", "always"


class SkyPortalInstance(models.Model):
    """One group's connection to one server.

    group: whom the imported spectra are visible to, and whose decisions are posted; None, everybody.
    remote_groups, instruments: ids on the server; only spectra of these are fetched, all that the token sees if empty.
    cursor: the newest ``modified`` listed so far, by the server's clock. reconciled_at: the last full listing.
    decisions, predictions: what is posted; share_with: ids of the server's groups that see it. posting_since: decisions
    and predictions made before that are not posted.
    lease_until, lease_token: which process syncs it until when.
    """

    name = models.CharField(max_length=80, unique=True)
    url = models.CharField("address", max_length=200)
    encrypted_token = models.TextField()
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    enabled = models.BooleanField(default=True)
    remote_groups = models.JSONField(default=list, blank=True)
    instruments = models.JSONField(default=list, blank=True)
    only_unclassified = models.BooleanField(default=True)
    interval_minutes = models.PositiveIntegerField(default=10, validators=[MinValueValidator(1)])
    reconcile_hours = models.PositiveIntegerField(default=24, validators=[MinValueValidator(1)])

    decisions = models.CharField(max_length=6, choices=Policy.choices, default=Policy.NEVER)
    predictions = models.CharField(max_length=6, choices=Policy.choices, default=Policy.NEVER)
    share_with = models.JSONField(default=list, blank=True)
    taxonomy = models.CharField(max_length=120, default="Sitewide Taxonomy")
    posting_since = models.DateTimeField(null=True, blank=True)

    cursor = models.DateTimeField(null=True, blank=True)
    reconciled_at = models.DateTimeField(null=True, blank=True)
    next_run_at = models.DateTimeField(default=timezone.now)
    failures = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = SharedQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def token(self) -> str:
        """In clear. Raises TokenUnreadableError."""
        return vault.decrypt(self.encrypted_token)

    @token.setter
    def token(self, value: str) -> None:
        self.encrypted_token = vault.encrypt(value)

    @property
    def reconcile_due(self) -> bool:
        """Whether it is time to list everything again."""
        last = self.reconciled_at
        return last is None or timezone.now() - last > timedelta(hours=self.reconcile_hours)


class RunState(models.TextChoices):
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"


class SkyPortalRun(models.Model):
    """One round of the sync: a listing, and then the work on whatever it turned up.

    full: everything was listed, not only what changed since ``since``. total: spectra this round has to look at.
    fetched: those whose samples were asked for. skipped: reason → how many. problems: the first errors, for people.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=8, choices=RunState.choices, default=RunState.RUNNING)
    full = models.BooleanField(default=False)
    since = models.DateTimeField(null=True, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    listed = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    fetched = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    skipped = models.JSONField(default=dict)
    problems = models.JSONField(default=list)
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("instance",), condition=models.Q(state="running"), name="one_running_sync_an_instance"
            ),
        )

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.get_state_display()}"

    @property
    def skipped_total(self) -> int:
        return sum(self.skipped.values())

    @property
    def done(self) -> int:
        """How many of ``total`` are dealt with."""
        return min(self.new + self.changed + self.unchanged + self.skipped_total + self.errors, self.total)


class RemoteState(models.TextChoices):
    PENDING = "pending", "to be fetched"
    IMPORTED = "imported", "imported"
    SKIPPED = "skipped", "skipped"
    FAILED = "failed", "failed"


class RemoteSpectrum(models.Model):
    """A spectrum on a server, once it was listed: at the same time the sync's list of work.

    remote_modified: as last listed. content_hash, spectrum: of the version imported last.
    gone_at: when a full listing did not hold it any more; what was imported stays.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="remote_spectra")
    remote_id = models.PositiveBigIntegerField()
    remote_name = models.CharField(max_length=200)
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
    """One version of one remote spectrum, taken in once."""

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
    """What people or machines say of a source on its server. Shown beside ours, never counted among them.

    name: the server's. class_name: ours, "" where there is no such class. ours: posted by this desk.
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
    remote_modified = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ConnectedQuerySet.as_manager()

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
