"""Notifications: a user's wishes, and the messages that were sent."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from triage.models import encryption


class NotificationPreference(models.Model):
    """One user's wishes.

    user: the user.
    email: address for e-mail, or "" for none.
    encrypted_url: web address for messages, or ""; encrypted, because a Slack address is a secret.
    novelty: send a message about transients whose novelty is at least this (0–1); None for no such messages.
    second_opinion: send a message when a second opinion of the user is wanted.
    disputed: send a message when reviewers disagree.
    mention: send a message when a comment mentions the user.
    sync_failing: send a message when a SkyPortal sync fails.
    policy_off: send a message when an automatic policy that the user keeps switches itself off.
    digest: send the digest of each night.
    since: nothing from before this time is sent.
    quiet_until: time before which nothing is sent to the web address, because it did not take a message; None if it
        took them all.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    email = models.EmailField(blank=True)
    encrypted_url = models.TextField(blank=True)
    novelty = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)])
    second_opinion = models.BooleanField(default=True)
    disputed = models.BooleanField(default=True)
    mention = models.BooleanField(default=True, db_default=True)
    sync_failing = models.BooleanField(default=False)
    policy_off = models.BooleanField(default=True, db_default=True)
    digest = models.BooleanField(default=False, db_default=False)
    since = models.DateTimeField(auto_now_add=True)
    quiet_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"of {self.user_id}"

    @property
    def url(self) -> str:
        """Return the web address in clear, or "". Raises TokenUnreadableError if the key has changed."""
        return encryption.decrypt(self.encrypted_url) if self.encrypted_url else ""

    @url.setter
    def url(self, value: str) -> None:
        self.encrypted_url = encryption.encrypt(value) if value else ""


class NotificationKind(models.TextChoices):
    """Subject of a notification."""

    NOVELTY = "novelty", "unlike the known ones"
    SECOND_OPINION = "second_opinion", "your opinion is asked for"
    DISPUTED = "disputed", "disputed"
    MENTION = "mention", "you are mentioned"
    SYNC_FAILING = "sync_failing", "a sync fails"
    POLICY_OFF = "policy_off", "a policy is off"
    DIGEST = "digest", "digest of the night"
    TEST = "test", "a test"


class Channel(models.TextChoices):
    """Way in which a notification is sent."""

    EMAIL = "email", "e-mail"
    URL = "url", "web address"


class NotificationState(models.TextChoices):
    """State of a notification."""

    WAITING = "waiting", "to be sent"
    SENDING = "sending", "being sent"
    SENT = "sent", "sent"
    UNKNOWN = "unknown", "may have arrived; not sent again"
    DROPPED = "dropped", "dropped: not yours to see any more"
    GIVEN_UP = "given_up", "given up"


class Notification(models.Model):
    """One message to one user through one channel.

    user: the user.
    kind: what it is about.
    key: identifies the occasion, such as a spectrum; a user gets one message about it through each channel.
    channel: how it is sent.
    transient: the transient it is about, or None. It is not sent if the user may no longer see what it tells.
    text: the message.
    path: page that the message links to.
    state: how far it has come.
    attempts: number of attempts to send it.
    next_attempt_at: time before which nobody tries (again), which also serves as the lease of the worker that sends it.
    last_error: why the last attempt failed, for people.
    created_at: when it was written.
    sent_at: when it was sent, or None.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=14, choices=NotificationKind.choices)
    key = models.CharField(max_length=80)
    channel = models.CharField(max_length=5, choices=Channel.choices)
    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    text = models.CharField(max_length=1000)
    path = models.CharField(max_length=500)
    state = models.CharField(max_length=8, choices=NotificationState.choices, default=NotificationState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("user", "kind", "key", "channel"), name="told_once_by_each_channel"),
        )
        indexes = (
            models.Index(
                fields=("id",), condition=models.Q(state__in=("waiting", "sending")), name="notification_open"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.user_id}"
