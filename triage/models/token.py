"""API tokens, of which only a hash is kept."""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import models


class Scope(enum.StrEnum):
    """What a token may be used for, beside reading, which any may."""

    UPLOAD = "upload"
    DECIDE = "decide"


class ApiToken(models.Model):
    """A key for the REST API. The key itself is shown once, when it is made, and cannot be had again.

    may_upload: to send spectra in. may_decide: to do whatever else changes something. expires_at: None, never. made_by:
    the token that asked for it, None where a person did; they are revoked together."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    label = models.CharField(max_length=80)
    key_hash = models.CharField(max_length=64, unique=True)
    key_start = models.CharField(max_length=8)
    may_upload = models.BooleanField(default=True)
    may_decide = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="made")

    def __str__(self) -> str:
        return f"{self.label} ({self.key_start}…)"

    @staticmethod
    def hash_key(key: str) -> str:
        """SHA-256 of a key; enough without a salt, for a key holds 256 random bits."""
        return hashlib.sha256(key.encode()).hexdigest()

    def allows(self, scope: Scope) -> bool:
        return self.may_upload if scope == Scope.UPLOAD else self.may_decide

    @classmethod
    def issue(
        cls,
        user: models.Model,
        label: str,
        scopes: Collection[Scope] = tuple(Scope),
        expires_at: datetime | None = None,
        made_by: ApiToken | None = None,
    ) -> tuple[ApiToken, str]:
        """Make a token; returns it with the key in clear, which is stored nowhere."""
        key = secrets.token_urlsafe(32)
        token = cls.objects.create(
            user=user,
            label=label,
            key_hash=cls.hash_key(key),
            key_start=key[:8],
            may_upload=Scope.UPLOAD in scopes,
            may_decide=Scope.DECIDE in scopes,
            expires_at=expires_at,
            made_by=made_by,
        )
        return token, key
