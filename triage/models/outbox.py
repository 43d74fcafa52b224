"""Outbox: classifications and annotations to post to SkyPortal."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from triage.models.skyportal import ConnectedQuerySet, SkyPortalInstance


class PostKind(models.TextChoices):
    """Kind of a post."""

    DECISION = "decision", "reviewer's classification"
    PREDICTION = "prediction", "network's classification"
    ANNOTATION = "annotation", "network's numbers"


class PostState(models.TextChoices):
    """State of a post."""

    ASKING = "asking", "waits for your yes"
    WAITING = "waiting", "to be posted"
    POSTED = "posted", "posted"
    WITHDRAWING = "withdrawing", "to be withdrawn"
    WITHDRAWN = "withdrawn", "withdrawn"
    REFUSED = "refused", "not posted: somebody said no"
    NO_NAME = "no_name", "not posted: no such class there"
    GIVEN_UP = "given_up", "given up"


def new_key() -> str:
    """Return a random text that marks one post on the server, so that it can be found again after a crash."""
    return uuid.uuid4().hex


class SkyPortalPost(models.Model):
    """One thing that one server is to hold. It is posted, and withdrawn when it no longer stands.

    instance: the server.
    kind: what is posted.
    decision: the decision to post, or None for what the network says.
    prediction: the prediction to post, or None for a decision.
    remote_name: the transient's name on the server.
    remote_spectrum: id of the spectrum on the server, or None.
    key: random text in the post's origin, by which it is found again.
    wanted: what the post says still stands.
    maybe_there: the server may hold the post, even if its answer was lost.
    state: how far the post has come.
    remote_id: id of the post on the server, or None.
    shared_with: ids of the server's groups that see the post, from the first attempt on; empty before. Posts that are
        older than this field have none.
    attempts: number of attempts since the last success.
    next_attempt_at: time before which nobody tries again, or None.
    lease_until: until when a worker holds the post, or None.
    lease_token: identifies that worker.
    last_error: why the last attempt failed, for people.
    answered_by: user who said yes or no to posting it, or None.
    created_at: when it was put into the outbox.
    posted_at: when the server took it, or None.
    withdrawn_at: when the server deleted it, or None.
    """

    instance = models.ForeignKey(SkyPortalInstance, on_delete=models.CASCADE, related_name="posts")
    kind = models.CharField(max_length=10, choices=PostKind.choices)
    decision = models.ForeignKey("triage.Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    prediction = models.ForeignKey(
        "triage.Prediction", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    remote_name = models.CharField(max_length=200)
    remote_spectrum = models.PositiveBigIntegerField(null=True, blank=True)
    key = models.CharField(max_length=32, unique=True, default=new_key)
    wanted = models.BooleanField(default=True)
    maybe_there = models.BooleanField(default=False)
    state = models.CharField(max_length=11, choices=PostState.choices, default=PostState.WAITING)
    remote_id = models.PositiveBigIntegerField(null=True, blank=True)
    shared_with = models.JSONField(default=list, db_default=[], blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    last_error = models.TextField(blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = ConnectedQuerySet["SkyPortalPost"].as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("instance", "decision"), condition=models.Q(kind="decision"), name="one_post_a_decision"
            ),
            models.UniqueConstraint(
                fields=("instance", "prediction", "kind"),
                condition=~models.Q(kind="decision"),
                name="one_post_a_prediction",
            ),
        )
        indexes = (
            models.Index(
                fields=("instance", "id"),
                condition=models.Q(state__in=("waiting", "withdrawing")),
                name="post_open",
            ),
            models.Index(fields=("instance", "state"), name="post_state"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.remote_name}"
