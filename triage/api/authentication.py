"""Login by ``Authorization: Token <key>``, checked against the hashes of issued tokens."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from triage.models import ApiToken

# A token's time of last use is this coarse, so that reading through the API rarely writes to the database.
TOUCH_EVERY = timedelta(minutes=1)


class TokenAuthentication(BaseAuthentication):
    """Signs a request in by its token; leaves a request without a token to the session login."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the token's user and the token, or None if the request has no token.

        Raises AuthenticationFailed if the token is unknown, revoked or expired.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"token":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("send the header “Authorization: Token <key>”", code="invalid_token")
        return self._check(words[1].decode("latin-1"))

    def _check(self, key: str) -> tuple[User, ApiToken]:
        now = timezone.now()
        valid = Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        hashed = ApiToken.hash_key(key)
        token = ApiToken.objects.filter(valid, key_hash=hashed, user__is_active=True).select_related("user").first()
        if token is None:
            raise AuthenticationFailed("this token is unknown, revoked or expired", code="invalid_token")
        if token.last_used_at is None or now - token.last_used_at > TOUCH_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme for the WWW-Authenticate header, which makes a refusal a 401."""
        return "Token"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Description of the token login in the OpenAPI document."""

    target_class = "triage.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token <key>"}
