"""Scopes of tokens: what a token may be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from triage.models import ApiToken, Scope

if TYPE_CHECKING:
    # This module imports the default permissions, and so TokenScope below.
    from rest_framework.views import APIView


class TokenScope(BasePermission):
    """Refuses a request that changes something if its token's scopes do not cover it.

    A view that takes data in sets ``scope = Scope.UPLOAD``. Every other change needs Scope.DECIDE.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises PermissionDenied if the token lacks the scope."""
        scope: Scope = getattr(view, "scope", Scope.DECIDE)
        token = request.auth
        if request.method in SAFE_METHODS or not isinstance(token, ApiToken) or token.allows(scope):
            return True
        raise PermissionDenied(f"this token was made without the scope “{scope}”", code="insufficient_scope")
