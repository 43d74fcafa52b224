"""Authentication backend of sessions that single sign-on began."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend


class SingleSignOn(ModelBackend):
    """Backend that checks no password. It stands for the provider, and gives a session its user and permissions.

    If password login is switched off, it is the only one: sessions that began with a password end.
    """

    def authenticate(self, request: Any, **credentials: Any) -> None:  # type: ignore[override]
        """Sign nobody in."""
