"""Light curves: the page that takes them, and the figure that the review page shows beside the spectrum."""

from __future__ import annotations

from typing import Any

from bokeh.embed import json_item
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from triage import light_curve
from triage.errors import TriageError
from triage.forms import PhotometryForm
from triage.light_curve_plot import blue_to_red, light_curve_figure
from triage.models import Photometry, Spectrum, Transient
from triage.plots import stacked
from triage.views.base import signed_in, visible_transient

# Of the Unix epoch.
MJD_1970 = 40_587.0


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def photometry_page(request: HttpRequest, name: str) -> HttpResponse:
    """POST takes a file in."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    form = PhotometryForm(user, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, group = form.cleaned_data["file"], form.cleaned_data["group"]
        try:
            row, skipped = light_curve.add(user, transient, file.read(), file.name, group)
        except TriageError as error:
            form.add_error("file", f"{file.name}: {error.detail}.")
        else:
            limits = f", upper limits: {len(row.limits)}" if row.limits else ""
            without = f", without {skipped} of its lines, which have no brightness" if skipped else ""
            messages.success(request, f"{row.filename}: points taken in: {len(row.points)}{limits}{without}.")
            # To where it is drawn.
            return redirect(reverse("review", args=[name]) + "#light-curve")
    context = {
        "transient": transient,
        "form": form,
        "rows": _rows(user, transient).select_related("group", "uploaded_by", "instance"),
        "groups": user.groups.order_by("name"),
        "section": "queue",
    }
    return render(request, "photometry.html", context, status=400 if form.errors else 200)


@login_required
@require_safe
def photometry_plot(request: HttpRequest, name: str) -> JsonResponse:
    """``item``, the figure; 404 where there is no light curve. Parameters: theme."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    panels = light_curve.panels(_rows(user, transient))
    theme, epochs = request.GET.get("theme", "light"), _epochs(user, transient)
    filters = blue_to_red(name for panel in panels for name in panel.filters)
    if not panels:
        return JsonResponse({"code": "no_light_curve", "detail": "There is no light curve."}, status=404)
    figures = [light_curve_figure(panel, epochs, theme, filters) for panel in panels]
    return JsonResponse({"item": json_item(stacked(figures))})


@login_required
@require_POST
def remove_photometry(request: HttpRequest, photometry_id: int) -> HttpResponse:
    """One's own."""
    try:
        row = light_curve.remove(signed_in(request), photometry_id)
    except TriageError as error:
        messages.error(request, error.detail)
        return redirect("queue")
    messages.success(request, f"{row.filename} is removed.")
    return redirect("photometry", row.transient.name)


def _rows(user: User, transient: Transient) -> Any:
    return Photometry.objects.visible_to(user).filter(transient=transient)


def _epochs(user: User, transient: Transient) -> list[tuple[float, str]]:
    """(MJD, words) of the spectra whose time is known."""
    spectra = Spectrum.objects.visible_to(user).filter(transient=transient, observed_at__isnull=False)
    return [
        (when.timestamp() / 86_400 + MJD_1970, instrument or "spectrum")
        for when, instrument in spectra.in_time_order().values_list("observed_at", "instrument")
    ]
