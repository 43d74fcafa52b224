"""Webhooks: web addresses that are told of new predictions and decisions."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from triage.models import encryption


class Webhook(models.Model):
    """One user's address. It gets what that user may see, and nothing from before it was made.

    user: the user.
    url: the address.
    encrypted_secret: secret with which each message is signed.
    on_prediction: send new predictions.
    on_decision: send new decisions.
    created_at: when it was made.
    quiet_until: time before which nothing is sent to it, because it gave no answer. None if it never failed to, or has
        taken a message since.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField("address", max_length=300)
    encrypted_secret = models.TextField()
    on_prediction = models.BooleanField(default=False)
    on_decision = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    quiet_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.url

    @property
    def secret(self) -> str:
        """Return the secret in clear. Raises TokenUnreadableError if the key has changed."""
        return encryption.decrypt(self.encrypted_secret)

    @secret.setter
    def secret(self, value: str) -> None:
        self.encrypted_secret = encryption.encrypt(value)


class DeliveryState(models.TextChoices):
    """State of a delivery."""

    WAITING = "waiting", "to be sent"
    DELIVERED = "delivered", "delivered"
    DROPPED = "dropped", "dropped: not yours to see any more"
    GIVEN_UP = "given_up", "given up"


class WebhookDelivery(models.Model):
    """One event for one webhook.

    webhook: the webhook.
    prediction: the new prediction, or None for a decision.
    decision: the new decision, or None for a prediction.
    state: how far the delivery has come.
    attempts: number of attempts to deliver it.
    next_attempt_at: time before which nobody tries (again), which also serves as the lease of the worker that sends it.
    last_error: why the last attempt failed, for people.
    created_at: when the event was noticed.
    delivered_at: when the address took it, or None.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    prediction = models.ForeignKey(
        "triage.Prediction", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    decision = models.ForeignKey("triage.Decision", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = (
            models.UniqueConstraint(fields=("webhook", "prediction"), name="webhook_told_once_of_a_prediction"),
            models.UniqueConstraint(fields=("webhook", "decision"), name="webhook_told_once_of_a_decision"),
            models.CheckConstraint(
                name="delivery_of_one_thing",
                condition=models.Q(prediction__isnull=True) ^ models.Q(decision__isnull=True),
            ),
        )
        indexes = (models.Index(fields=("id",), condition=models.Q(state="waiting"), name="delivery_waiting"),)

    def __str__(self) -> str:
        return f"{self.webhook}: {'decision' if self.decision_id else 'prediction'}"
