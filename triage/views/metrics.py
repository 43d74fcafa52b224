"""Metrics page: numbers for Prometheus."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from triage.operations import metrics


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Answer a request with ``Authorization: Bearer METRICS_TOKEN``. Without that setting, the page does not exist."""
    sent = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not constant_time_compare(sent, f"Bearer {settings.METRICS_TOKEN}"):
        raise Http404
    return HttpResponse(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")
