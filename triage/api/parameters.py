"""Query parameters. An address takes the ones in the OpenAPI document and refuses all others.

If a mistyped filter were ignored, the answer would be the whole list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from triage.review.known_class import known_class

if TYPE_CHECKING:
    # This module imports the default permissions, and so KnownParameters below.
    from rest_framework.views import APIView

SIMULATED = OpenApiParameter(
    "simulated", bool, description="Whether the transient belongs to the demonstration; all rows if it is not given."
)
# Every address takes this one, which chooses the format of the answer.
_EVERYWHERE = "format"


class UnknownParameterError(APIException):
    """The address does not have this query parameter.

    known: the query parameters that it has.
    """

    status_code = 400

    def __init__(self, name: str, known: list[str]) -> None:
        detail = f"there is no parameter “{name[:60]}” here; choose from {', '.join(known)}"
        super().__init__(detail, "unknown_parameter")
        self.known = known


class KnownParameters(BasePermission):
    """Refuses a request with a query parameter that its address does not have."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises UnknownParameterError if the address does not have one of the parameters."""
        method = "get" if request.method == "HEAD" else (request.method or "").lower()
        if request.query_params and hasattr(view, method):
            known = _known(view, method)
            for name in request.query_params:
                if name not in known:
                    raise UnknownParameterError(name, known)
        return True


def integer_parameter(request: Request, name: str) -> int | None:
    """Return a query parameter that is the id of a row, or None if it is missing.

    Raises ValidationError if it is not a whole number.
    """
    text = request.query_params.get(name, "")
    # More digits would not fit the database's integers.
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValidationError({name: ["give a whole number"]})
    return int(text) if text else None


def flag_parameter(request: Request, name: str) -> bool | None:
    """Return a query parameter that is true or false, or None if it is missing.

    Raises ValidationError if it is anything else.
    """
    text = request.query_params.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise ValidationError({name: ["give true or false"]})
    return text == "true" if text else None


def choice_parameter(request: Request, name: str, choices: Sequence[str]) -> str | None:
    """Return a query parameter that is one of a few words, or None if it is missing.

    Raises ValidationError if it is another word.
    """
    text = request.query_params.get(name, "")
    if text and text not in choices:
        raise ValidationError({name: [f"choose one of {', '.join(choices)}"]})
    return text or None


def class_parameter(request: Request, name: str) -> str:
    """Return the class that a query parameter names, or "" if it is missing.

    Raises UnknownClassError if the taxonomy has no such class.
    """
    text = request.query_params.get(name, "").strip()
    return known_class(text) if text else ""


def _known(view: Any, method: str) -> list[str]:
    """Return the names of an operation's parameters: its own, its pages' and the one that every address takes."""
    names = [name for parameter in _documented(view, method) for name in _names(parameter)]
    if method == "get" and getattr(view, "pagination_class", None):
        names += [parameter["name"] for parameter in view.pagination_class().get_schema_operation_parameters(view)]
    return [*dict.fromkeys([*names, _EVERYWHERE])]


def _documented(view: Any, method: str) -> list[Any]:
    """Return the ``parameters`` that ``extend_schema`` was given for a method."""
    schema_class = getattr(getattr(view, method), "kwargs", {}).get("schema")
    if schema_class is None:
        return []
    schema = schema_class()
    schema.view = view
    parameters: list[Any] = schema.get_override_parameters()
    return parameters


def _names(parameter: Any) -> list[str]:
    """Return the names in one entry of ``parameters``: a single parameter, or a serializer with several."""
    if isinstance(parameter, OpenApiParameter):
        return [parameter.name]
    return [str(name) for name in parameter().fields]
