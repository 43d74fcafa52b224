"""Failed logins, kept for a while so that guessing passwords is slow."""

from __future__ import annotations

from django.db import models


class LoginFailure(models.Model):
    """One login that failed.

    person: keyed hash of the name that was typed; not the name itself, because people type their password there too.
    address: IP address that the login came from.
    at: when.
    """

    person = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=("address", "at"), name="login_failure_address"),
            models.Index(fields=("at",), name="login_failure_at"),
        )

    def __str__(self) -> str:
        return f"{self.address} at {self.at:%Y-%m-%d %H:%M}"
