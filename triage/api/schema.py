"""What the OpenAPI document says of every operation alike."""

from __future__ import annotations

from typing import Any

_ERROR = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
_ALWAYS = {
    "401": "no login, or a token that is unknown, revoked or expired",
    "403": "not yours, or a token without the scope",
    "429": "too many requests; Retry-After says for how many seconds",
    "default": "any other error",
}


def add_errors(result: dict[str, Any], **unused: Any) -> dict[str, Any]:
    """Every operation that needs a login may answer with an error, and every error has one shape."""
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, description in _ALWAYS.items():
                operation["responses"].setdefault(status, {"description": description, **_ERROR})
    return result
