"""Connections to SkyPortal servers, and their syncs."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from triage.models import encryption
from triage.models.audience import AudienceQuerySet, Row


class Policy(models.TextChoices):
    """Rule for one kind of post: never, after somebody's yes, or always."""

    NEVER = "never", "never"
    ASK = "ask", "ask first"
    ALWAYS = "always", "always"


class SkyPortalInstance(models.Model):
    """One group's connection to one SkyPortal server.

    name: name of the connection, for people.
    url: address of the server.
    encrypted_token: the server's API token.
    group: group that sees the imported spectra and whose decisions are posted; None for everybody.
    enabled: the sync runs.
    remote_groups: ids of the server's groups whose spectra are fetched; empty for all that the token sees.
    instruments: ids of the server's instruments whose spectra are fetched; empty for all.
    only_unclassified: leave out sources that the server has a classification for.
    interval_minutes: time between two syncs, minutes.
    reconcile_hours: time between two full listings, hours.
    decisions: whether decisions are posted.
    predictions: whether predictions are posted.
    share_with: ids of the server's groups that see the posts.
    taxonomy: name of the server's taxonomy that posts use.
    remote_names: names of the server's groups and instruments by id, as it gave them when the settings were last saved:
        {"groups": {"4": "ePESSTO"}, "instruments": {…}}.
    posting_since: decisions from before this time are not posted; None until something is posted.
    predictions_since: the same for predictions; None on connections that are older than this field, which use
        ``posting_since``.
    cursor: newest ``modified`` that was listed so far, by the server's clock, or None.
    reconciled_at: time of the last full listing, or None.
    next_run_at: when the next sync is due.
    failures: number of syncs that failed since the last success.
    lease_until: until when a process holds the sync, or None.
    lease_token: identifies that process.
    created_at: when the connection was made.
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
    remote_names = models.JSONField(default=dict, db_default={}, blank=True)
    posting_since = models.DateTimeField(null=True, blank=True)
    predictions_since = models.DateTimeField(null=True, blank=True)

    cursor = models.DateTimeField(null=True, blank=True)
    reconciled_at = models.DateTimeField(null=True, blank=True)
    next_run_at = models.DateTimeField(default=timezone.now)
    failures = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AudienceQuerySet["SkyPortalInstance"].as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def token(self) -> str:
        """Return the server's token in clear. Raises TokenUnreadableError if the key has changed."""
        return encryption.decrypt(self.encrypted_token)

    @token.setter
    def token(self, value: str) -> None:
        self.encrypted_token = encryption.encrypt(value)

    @property
    def reconcile_due(self) -> bool:
        """Return whether the next sync has to list everything."""
        last = self.reconciled_at
        return last is None or timezone.now() - last > timedelta(hours=self.reconcile_hours)


class ConnectedQuerySet(AudienceQuerySet[Row]):
    """Rows that belong to a connection. A user who may see the connection may see them."""

    group_path: ClassVar[str] = "instance__"


class RunState(models.TextChoices):
    """State of a sync."""

    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"


class SkyPortalRun(models.Model):
    """One sync: a listing, then the work on the spectra that it listed.

    instance: the connection.
    state: how far the sync has come.
    full: everything is listed, not only what changed after ``since``.
    since: the listing begins here, by the server's clock; None for a full one.
    compared_until: classifications made before this time were read, by the server's clock; None before the first.
    missed: number of classifications that the server counts and did not send, at least.
    listed_at: when the listing was complete, or None.
    listed: number of spectra on the list.
    total: number of spectra that this sync has to look at.
    fetched: number of spectra whose samples were fetched.
    new: number of spectra imported for the first time.
    changed: number of spectra imported again because they changed.
    unchanged: number of spectra that were imported before and are the same.
    gone: number of spectra that the server no longer lists.
    errors: number of spectra that failed.
    skipped: number of spectra left out, by reason.
    problems: the first errors, for people.
    message: why the sync as a whole failed, or "".
    started_at: when it began.
    finished_at: when it ended, or None.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=8, choices=RunState.choices, default=RunState.RUNNING)
    full = models.BooleanField(default=False)
    since = models.DateTimeField(null=True, blank=True)
    compared_until = models.DateTimeField(null=True, blank=True)
    missed = models.PositiveIntegerField(default=0, db_default=0)
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
        """Number of spectra left out for any reason."""
        return sum(self.skipped.values())

    @property
    def done(self) -> int:
        """Number of the ``total`` spectra that are dealt with."""
        return min(self.new + self.changed + self.unchanged + self.skipped_total + self.errors, self.total)
