"""Additions to the OpenAPI document: the errors of every operation, and examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

_ERROR = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
_ALWAYS = {
    "401": "There is no login, or the token is unknown, revoked or expired.",
    "403": "You may not do this, or your token was made without the scope for it.",
    "429": "Too many requests. The header Retry-After says how many seconds to wait.",
    "default": "Any other error.",
}


def add_errors(result: dict[str, Any], **unused: Any) -> dict[str, Any]:
    """Add to every operation the errors that it may answer with; a hook of drf-spectacular."""
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, description in _ALWAYS.items():
                operation["responses"].setdefault(status, {"description": description, **_ERROR})
    return result


def request_example(name: str, value: dict[str, Any]) -> OpenApiExample:
    """Return an example of a request's body."""
    return OpenApiExample(name, value=value, request_only=True)


def answer_example(name: str, value: dict[str, Any], status: int) -> OpenApiExample:
    """Return an example of an answer's body."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])
