"""Middleware: request ids, early refusals, caching of API answers, and the content security policy."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from triage.api.errors import as_json
from triage.operations import logs

# BokehJS writes style attributes and elements, hence 'unsafe-inline' for styles; scripts are ours alone.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


# Most bytes of a form or an API request besides its file.
BESIDE_THE_FILE = 2 << 20


# Form of a request id that is taken from a proxy; any other text could forge log lines.
REQUEST_ID = re.compile(r"[\w.-]{4,64}", re.ASCII)


class RequestIdMiddleware:
    """Give each request an id, or keep the one that a proxy gave it. It is in X-Request-ID and in every log line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-ID", "")
        name = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        with logs.about(request=name):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = name
        return response


class RefuseEarlyMiddleware:
    """Refuse bad requests before a view sees them.

    A NUL in the address is answered with 400, because Postgres can neither store nor search for it. A body that is too
    long is answered with 413 before any of it is read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return as_json(400, "invalid", "an address may not hold a NUL character")
        several = request.path in {reverse("upload"), reverse("api-batch")}
        files = settings.DATA_UPLOAD_MAX_NUMBER_FILES if several else 1
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > files * settings.UPLOAD_MAX_BYTES + BESIDE_THE_FILE:
            return as_json(413, "too_large", f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
        return self.get_response(request)


class ApiCachingMiddleware(ConditionalGetMiddleware):
    """Add an ETag to every API answer to a GET that is not a stream, and answer 304 to a client that has it.

    Answers differ from reader to reader, so no shared cache may keep them.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not request.path.startswith("/api/v1/"):
            return response
        patch_vary_headers(response, ["Authorization", "Cookie"])
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return super().process_response(request, response)


class ContentSecurityPolicyMiddleware:
    """Send the Content-Security-Policy header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
