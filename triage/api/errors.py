"""Every error of the API is JSON: {code, detail}, and a receipt where a file was read."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from triage.api.parameters import UnknownParameterError
from triage.errors import TriageError, UnreadableSpectrumError

log = logging.getLogger(__name__)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler; None lets an unexpected error become a 500."""
    _answer_in_json(context)
    if isinstance(error, UnreadableSpectrumError):
        body = {
            "code": error.code,
            "detail": error.detail,
            "receipt": error.receipt,
            "id": error.spectrum.pk,
            "state": error.spectrum.state,
        }
        return Response(body, status=error.status)
    if isinstance(error, TriageError):
        return Response({"code": error.code, "detail": error.detail}, status=error.status)
    if isinstance(error, OperationalError | InterfaceError):
        # It is down or its disk is full: for the sender to try again, not a fault of the request.
        log.error("the database failed: %s", error)
        body = {"code": "database_unavailable", "detail": "the database cannot take this now; try again"}
        return Response(body, status=503, headers={"Retry-After": "10"})
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        response.data = {"code": "invalid", "detail": _first_message(error.detail), "fields": error.detail}
    elif isinstance(error, exceptions.APIException):
        response.data = {"code": error.get_codes(), "detail": str(error.detail)}
        if isinstance(error, UnknownParameterError):
            response.data["known"] = error.known
    return response


def _answer_in_json(context: dict[str, Any]) -> None:
    """An error of a request for CSV or VOTable is JSON all the same."""
    request = context.get("request")
    if request is not None:
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), "application/json"


def _first_message(detail: Any) -> str:
    if isinstance(detail, dict):
        name, value = next(iter(detail.items()))
        message = _first_message(value)
        return message if name == "non_field_errors" else f"{name}: {message}"
    if isinstance(detail, list):
        return _first_message(detail[0])
    return str(detail)


def as_json(status: int, code: str, detail: str) -> JsonResponse:
    """An error outside of Django REST framework's reach."""
    return JsonResponse({"code": code, "detail": detail}, status=status)


@csrf_exempt
def unknown_address(request: HttpRequest, path: str = "") -> JsonResponse:
    """404 for anything below /api/ that does not exist."""
    return as_json(404, "not_found", "there is no such address; /api/docs/ lists them all")
