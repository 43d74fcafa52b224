"""The dashboard of the night."""

from __future__ import annotations

import hashlib

from bokeh.embed import json_item
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage import night
from triage.night_plots import confusion_figure, reliability_figure
from triage.views.base import signed_in, wants_fragment


@login_required
@require_safe
def night_page(request: HttpRequest) -> HttpResponse:
    """Narrowed by the address: since (a key of SPANS), class, instrument, blind. Our script fetches the changing part
    again and again; ``version`` says whether the figures have changed with it."""
    user, span = signed_in(request), night.Span.read(request.GET)
    rows = night.vetted(user, span)
    chosen = night.narrowed(rows, span)
    context = {
        "span": span,
        "spans": night.SPANS,
        "numbers": night.numbers(user, span, rows),
        "count": len(chosen),
        "version": hashlib.sha256(repr(chosen).encode()).hexdigest()[:16],
        "by_class": night.shares(chosen, "class_name"),
        "by_instrument": night.shares(chosen, "instrument"),
        "classes": sorted({row.class_name for row in rows} | ({span.class_name} - {""})),
        "instruments": sorted({row.instrument for row in rows} | ({span.instrument} - {""})),
        "section": "night",
    }
    return render(request, "partials/night.html" if wants_fragment(request) else "night.html", context)


@login_required
@require_safe
def night_plots(request: HttpRequest) -> JsonResponse:
    """Both figures as Bokeh's JSON, by name; ``theme`` beside what the page takes. Empty where nothing is vetted."""
    span = night.Span.read(request.GET)
    rows = night.narrowed(night.vetted(signed_in(request), span), span)
    theme = request.GET.get("theme", "light")
    if not rows:
        return JsonResponse({})
    return JsonResponse(
        {
            "reliability": json_item(reliability_figure(rows, theme)),
            "confusion": json_item(confusion_figure(rows, theme)),
        }
    )
