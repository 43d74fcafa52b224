"""E-mails about accounts that wait for the worker that sends them."""

from __future__ import annotations

from django.db import models


class AccountMailKind(models.TextChoices):
    """Subject of an e-mail about an account."""

    NEW_PASSWORD = "new_password", "a new password"
    INVITATION = "invitation", "an invitation"


class AccountMailState(models.TextChoices):
    """State of an e-mail about an account."""

    WAITING = "waiting", "to be sent"
    SENDING = "sending", "being sent"
    DONE = "done", "sent, or nobody to send it to"


class AccountMail(models.Model):
    """One e-mail that somebody asked for. It holds no secret: the worker makes the link when it sends.

    kind: what it is about.
    email: address that was typed. For a new password, users with this address get the link.
    asked_from: IP address that asked, by which requests are counted.
    invitation: the invitation, or None.
    created_at: when it was asked for.
    state: how far it has come.
    attempts: number of attempts to send it.
    next_attempt_at: time before which nobody tries (again).
    """

    kind = models.CharField(max_length=12, choices=AccountMailKind.choices)
    email = models.EmailField()
    asked_from = models.CharField(max_length=64)
    invitation = models.ForeignKey("triage.GroupInvitation", on_delete=models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    state = models.CharField(max_length=7, choices=AccountMailState.choices, default=AccountMailState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.email}"
