"""API tokens, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A key for the REST API. The key itself is shown once, when it is made, and cannot be had again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    label = models.CharField(max_length=80)
    key_hash = models.CharField(max_length=64, unique=True)
    key_start = models.CharField(max_length=8)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.label} ({self.key_start}…)"

    @staticmethod
    def hash_key(key: str) -> str:
        """SHA-256 of a key; enough without a salt, for a key holds 256 random bits."""
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def issue(cls, user: models.Model, label: str) -> tuple[ApiToken, str]:
        """Make a token; returns it with the key in clear, which is stored nowhere."""
        key = secrets.token_urlsafe(32)
        token = cls.objects.create(user=user, label=label, key_hash=cls.hash_key(key), key_start=key[:8])
        return token, key
