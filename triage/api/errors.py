"""Errors of the API, always JSON: ``{code, detail}``, with a receipt if a file was read."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from triage.api.parameters import UnknownParameterError
from triage.errors import TriageError
from triage.intake.quarantine import UnreadableSpectrumError

log = logging.getLogger(__name__)

DATABASE_DOWN = {"code": "database_unavailable", "detail": "the database does not answer now; try again in 10 seconds"}
RETRY_SOON = {"Retry-After": "10"}
# Errors that the desk itself raises, and those of a database that does not answer.
OWN_ERRORS = (TriageError, OperationalError, InterfaceError)


class ErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """An error."""

    code = serializers.CharField(help_text="Code for programs. It stays the same in later versions.")
    detail = serializers.CharField(help_text="Explanation for people.")


def error_answers(*statuses: int) -> dict[Any, Any]:
    """Return the error answers of an operation, for ``extend_schema(responses=...)``."""
    return dict.fromkeys(statuses, ErrorSerializer)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an error into an answer; the exception handler of Django REST framework.

    error: what was raised while the request was handled.
    context: the view and the request.

    Returns None for an unexpected error, which becomes a 500.
    """
    _answer_in_json(context)
    if isinstance(error, OWN_ERRORS):
        return answer_to(error)
    if isinstance(error, RequestDataTooBig):
        detail = f"a request may have {settings.DATA_UPLOAD_MAX_MEMORY_SIZE >> 20} MiB; send files as files"
        return Response({"code": "too_large", "detail": detail}, status=413)
    if isinstance(error, TooManyFilesSent):
        detail = f"a request may have {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files"
        return Response({"code": "too_many_files", "detail": detail}, status=400)
    return _framework_error(error, context)


def answer_to(error: TriageError | OperationalError | InterfaceError) -> Response:
    """Return the answer to one of OWN_ERRORS."""
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
    # The database is down or its disk is full. The request was not at fault, so the sender is asked to repeat it.
    log.error("the database failed: %s", error)
    return Response(DATABASE_DOWN, status=503, headers=RETRY_SOON)


def _framework_error(error: Exception, context: dict[str, Any]) -> Response | None:
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
    """Choose JSON for the answer, even if the request asked for CSV or VOTable."""
    request = context.get("request")
    if request is not None:
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), "application/json"


def _first_message(detail: object) -> str:
    if isinstance(detail, dict):
        name, value = next(iter(detail.items()))
        message = _first_message(value)
        return message if name == "non_field_errors" else f"{name}: {message}"
    if isinstance(detail, list):
        return _first_message(detail[0])
    return str(detail)


def as_json(status: int, code: str, detail: str) -> JsonResponse:
    """Return an error in the API's shape, for code that Django REST framework does not run."""
    return JsonResponse({"code": code, "detail": detail}, status=status)


@csrf_exempt
def unknown_address(request: HttpRequest, path: str = "") -> JsonResponse:
    """Answer 404 for an address below /api/v1/ that does not exist."""
    return as_json(404, "not_found", "there is no such address; /api/docs/ lists them all")
