"""What a token may be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from triage.models import ApiToken, Scope

if TYPE_CHECKING:
    # It reads its default permissions, this one, while it is imported.
    from rest_framework.views import APIView


class TokenScope(BasePermission):
    """403 where a token's scopes do not cover a request that changes something. A view that takes spectra in says so
    with ``scope = Scope.UPLOAD``; all else that changes something is deciding."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        scope: Scope = getattr(view, "scope", Scope.DECIDE)
        token = request.auth
        if request.method in SAFE_METHODS or not isinstance(token, ApiToken) or token.allows(scope):
            return True
        raise PermissionDenied(f"this token was made without the scope “{scope}”", code="insufficient_scope")
