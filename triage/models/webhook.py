"""Addresses that are told of new predictions and decisions."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from triage import vault


class Webhook(models.Model):
    """One user's address; it is told of what that user may see, and of nothing from before it was made."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField("address", max_length=300)
    encrypted_secret = models.TextField()
    on_prediction = models.BooleanField(default=False)
    on_decision = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.url

    @property
    def secret(self) -> str:
        """In clear. Raises TokenUnreadableError."""
        return vault.decrypt(self.encrypted_secret)

    @secret.setter
    def secret(self, value: str) -> None:
        self.encrypted_secret = vault.encrypt(value)


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "to be sent"
    DELIVERED = "delivered", "delivered"
    DROPPED = "dropped", "dropped: not yours to see any more"
    GIVEN_UP = "given_up", "given up"


class WebhookDelivery(models.Model):
    """One event for one webhook. next_attempt_at doubles as the lease of whoever is sending it."""

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
