"""Dashboard of the night ("Tonight"): its numbers, and the network compared with the vetted classes."""

from __future__ import annotations

import dataclasses
import hashlib

from bokeh.embed import json_item
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage.figures.dashboard import confusion_figure, reliability_figure
from triage.queue import dashboard
from triage.review import runs
from triage.views.automatic_run import RunText
from triage.views.base import signed_in, wants_fragment
from triage.views.demo import demonstration_of, left_out


@login_required
@require_safe
def dashboard_page(request: HttpRequest) -> HttpResponse:
    """Show the dashboard, or its changing part alone if a script asks.

    The address narrows it: ``since`` (a key of ``dashboard.SPANS``), ``class``, ``instrument`` and ``blind``. The
    script fetches the changing part repeatedly, and redraws the figures when ``version`` has changed.
    """
    user, demonstration = signed_in(request), demonstration_of(request)
    span = dashboard.Span.read(request.GET, demonstration.simulated)
    demo = dataclasses.replace(span, simulated=True)
    rows = dashboard.vetted(user, span)
    compared = dashboard.narrowed(rows, span)
    context = {
        "span": span,
        "spans": dashboard.SPANS,
        "numbers": dashboard.numbers(user, span, rows),
        "count": len(compared),
        "left_out": left_out(request, compared, lambda: len(dashboard.narrowed(dashboard.vetted(user, demo), demo))),
        "version": hashlib.sha256(repr(compared).encode()).hexdigest()[:16],
        "by_class": dashboard.shares(compared, "class_name"),
        "by_instrument": dashboard.shares(compared, "instrument"),
        "classes": sorted({row.class_name for row in rows} | ({span.class_name} - {""})),
        "instruments": sorted({row.instrument for row in rows} | ({span.instrument} - {""})),
        "policies": [RunText(found) for found in runs.latest(user).values()],
        "section": "night",
    }
    return render(request, "partials/dashboard.html" if wants_fragment(request) else "dashboard.html", context)


@login_required
@require_safe
def dashboard_plots(request: HttpRequest) -> JsonResponse:
    """Return both figures as Bokeh's JSON, by name; the answer is empty if nothing is vetted.

    The address takes the parameters of the page, and ``theme``.
    """
    span = dashboard.Span.read(request.GET, demonstration_of(request).simulated)
    rows = dashboard.narrowed(dashboard.vetted(signed_in(request), span), span)
    theme = request.GET.get("theme", "light")
    if not rows:
        return JsonResponse({})
    return JsonResponse(
        {
            "reliability": json_item(reliability_figure(rows, theme)),
            "confusion": json_item(confusion_figure(rows, theme)),
        }
    )
