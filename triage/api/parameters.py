"""What may stand after the question mark of an address: what the OpenAPI document says of it, and nothing else.

A mistyped filter that was ignored would be answered with everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    # It reads its default permissions, the one below, while it is imported.
    from rest_framework.views import APIView

# Every address takes it: which of its forms the answer is to have.
_EVERYWHERE = "format"


class UnknownParameterError(APIException):
    """known: those that there are."""

    status_code = 400

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"there is no parameter “{name[:60]}” here; there are {', '.join(known)}", "unknown_parameter")
        self.known = known


class KnownParameters(BasePermission):
    """400 ``unknown_parameter`` for one that the endpoint does not have."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        method = "get" if request.method == "HEAD" else (request.method or "").lower()
        if request.query_params and hasattr(view, method):
            known = _known(view, method)
            for name in request.query_params:
                if name not in known:
                    raise UnknownParameterError(name, known)
        return True


def _known(view: Any, method: str) -> list[str]:
    """In the order of the document: an endpoint's own, those of its pages, and the one that all have."""
    names = [name for parameter in _documented(view, method) for name in _names(parameter)]
    if method == "get" and getattr(view, "pagination_class", None):
        names += [parameter["name"] for parameter in view.pagination_class().get_schema_operation_parameters(view)]
    return [*dict.fromkeys([*names, _EVERYWHERE])]


def _documented(view: Any, method: str) -> list[Any]:
    """The ``parameters`` that ``extend_schema`` was given for a method."""
    schema_class = getattr(getattr(view, method), "kwargs", {}).get("schema")
    if schema_class is None:
        return []
    schema = schema_class()
    schema.view = view
    found: list[Any] = schema.get_override_parameters()
    return found


def _names(parameter: Any) -> list[str]:
    if isinstance(parameter, OpenApiParameter):
        return [parameter.name]
    return [str(name) for name in parameter().fields]
