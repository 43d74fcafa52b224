"""Light curves: the page that takes them, and the figure on the review page."""

from __future__ import annotations

from typing import Any

from bokeh.embed import json_item
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.readers.dates import mjd_of
from triage.accounts.audiences import default_audience
from triage.errors import TriageError
from triage.figures import light_curve
from triage.figures.light_curve import blue_to_red, light_curve_figure
from triage.figures.spectrum import stacked
from triage.intake import light_curve_identity, photometry
from triage.models import Photometry, Spectrum, Transient
from triage.views.base import sentence, signed_in, visible_transient


class PhotometryForm(forms.Form):
    """A file with a light curve, and its audience."""

    file = forms.FileField()

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"] = forms.ModelChoiceField(
            user.groups.order_by("name"), required=False, to_field_name="name"
        )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def photometry_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show the light curves of a transient; POST stores another one."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    form = PhotometryForm(user, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, group = form.cleaned_data["file"], form.cleaned_data["group"]
        try:
            content = file.read()
            row, skipped = photometry.add(user, transient, content, file.name, group)
        except TriageError as error:
            form.add_error("file", f"{file.name}: {error.detail}.")
        else:
            limits = f", upper limits: {len(row.limits)}" if row.limits else ""
            left_out = f". Lines left out because they have no brightness: {skipped}" if skipped else ""
            messages.success(request, f"{row.filename} was added. Points: {len(row.points)}{limits}{left_out}.")
            for doubt in light_curve_identity.doubts(user, transient, content, file.name):
                messages.warning(request, f"{sentence(doubt['message'])} Is it the light curve of {transient.name}?")
            return redirect(reverse("review", args=[name]) + "#light-curve")
    context = {
        "transient": transient,
        "form": form,
        "rows": _rows(user, transient).select_related("group", "uploaded_by", "instance"),
        "groups": user.groups.order_by("name"),
        "audience": default_audience(user),
        "section": "queue",
    }
    return render(request, "photometry.html", context, status=400 if form.errors else 200)


@login_required
@require_safe
def photometry_plot(request: HttpRequest, name: str) -> JsonResponse:
    """Return the figure of the light curve as ``item``, or 404 if there is none. The parameter is ``theme``."""
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
    """Remove one of the user's own light curves."""
    try:
        row = photometry.remove(signed_in(request), photometry_id)
    except TriageError as error:
        messages.error(request, sentence(error.detail))
        return redirect("queue")
    messages.success(request, f"{row.filename} was removed.")
    return redirect("photometry", row.transient.name)


def _rows(user: User, transient: Transient) -> Any:
    return Photometry.objects.visible_to(user).filter(transient=transient)


def _epochs(user: User, transient: Transient) -> list[tuple[float, str]]:
    """Return time (MJD) and name of each spectrum whose time is known."""
    spectra = Spectrum.objects.visible_to(user).filter(transient=transient, observed_at__isnull=False)
    return [
        (mjd_of(when), instrument or "spectrum")
        for when, instrument in spectra.in_time_order().values_list("observed_at", "instrument")
        if when is not None
    ]
