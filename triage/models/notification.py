"""What a user wants to be told of, and what they were told."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from triage import vault


class NotificationPreference(models.Model):
    """One user's wishes. novelty: told of transients at least as unlike the known ones (0..1); None: of none.

    email, url: where to; a Slack URL is a secret, hence encrypted. since: nothing from before that is told.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    email = models.EmailField(blank=True)
    encrypted_url = models.TextField(blank=True)
    novelty = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)])
    second_opinion = models.BooleanField(default=True)
    disputed = models.BooleanField(default=True)
    sync_failing = models.BooleanField(default=False)
    since = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"of {self.user_id}"

    @property
    def url(self) -> str:
        """In clear, "" where there is none. Raises TokenUnreadableError."""
        return vault.decrypt(self.encrypted_url) if self.encrypted_url else ""

    @url.setter
    def url(self, value: str) -> None:
        self.encrypted_url = vault.encrypt(value) if value else ""


class NotificationKind(models.TextChoices):
    NOVELTY = "novelty", "unlike the known ones"
    SECOND_OPINION = "second_opinion", "your opinion is asked for"
    DISPUTED = "disputed", "disputed"
    SYNC_FAILING = "sync_failing", "a sync fails"
    TEST = "test", "a test"


class Channel(models.TextChoices):
    EMAIL = "email", "e-mail"
    URL = "url", "web address"


class NotificationState(models.TextChoices):
    WAITING = "waiting", "to be sent"
    SENDING = "sending", "being sent"
    SENT = "sent", "sent"
    UNKNOWN = "unknown", "may have arrived; not sent again"
    DROPPED = "dropped", "dropped: not yours to see any more"
    GIVEN_UP = "given_up", "given up"


class Notification(models.Model):
    """One message to one user by one way. key: what it is about; of the same thing a user is told once.

    transient: where it is about one; it is not sent to who may not see that any more. next_attempt_at doubles as the
    lease of whoever is sending it.
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
