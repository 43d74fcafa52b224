"""API tokens. Only a hash of each key is stored."""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import models


class Scope(enum.StrEnum):
    """Right of a token. Every token may read; these rights come on top."""

    UPLOAD = "upload"
    DECIDE = "decide"


class ApiToken(models.Model):
    """A key for the REST API. The key itself is shown once, when it is made, and cannot be shown again.

    user: the user that the key acts for.
    label: the user's name for it.
    key_hash: SHA-256 of the key.
    key_start: first characters of the key, so that people can tell their keys apart.
    may_upload: the key may send spectra.
    may_decide: the key may do everything else that changes something.
    created_at: when it was made.
    last_used_at: when it was last used, or None.
    expires_at: when it stops working, or None for never.
    revoked_at: when it was revoked, or None.
    made_by: the token that asked for it, or None if a person did. Both are revoked together.
    """

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
        """Return the SHA-256 of a key. It needs no salt, because a key holds 256 random bits."""
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
        """Make a token and return it with its key in clear, which is stored nowhere.

        user: the user that the key acts for.
        label: the user's name for it.
        scopes: what it may do besides reading.
        expires_at: when it stops working, or None for never.
        made_by: the token that asks for it, or None if a person does.
        """
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
