"""Two lists: the vetted classifications, and the files in quarantine."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage.export import classifications
from triage.intake.quarantine import STATES
from triage.models import Spectrum
from triage.queue.paging import CappedPaginator
from triage.views.base import signed_in

PAGE = 50


@login_required
@require_safe
def vetted_page(request: HttpRequest) -> HttpResponse:
    """List the vetted classifications. The filters ``class`` and ``reviewer`` stay in the address."""
    user = signed_in(request)
    filters = {"class_name": request.GET.get("class", ""), "reviewer": request.GET.get("reviewer", "")}
    wanted = classifications.Wanted(class_name=filters["class_name"], reviewer=filters["reviewer"])
    page = CappedPaginator(classifications.vetted(user, wanted), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [classifications.as_row(row) for row in page.object_list],
        "filters": filters,
        "query": urlencode({name: value for name, value in filters.items() if value}),
        "section": "vetted",
    }
    return render(request, "vetted.html", context)


@login_required
@require_safe
def quarantine_page(request: HttpRequest) -> HttpResponse:
    """List what could not be read, classified or named, the newest first."""
    show = request.GET.get("show", "")
    visible = Spectrum.objects.visible_to(signed_in(request))
    if show == "unnamed":
        spectra = visible.unnamed()
    else:
        show = "discarded" if show == "discarded" else ""
        failed = Q(state__in=STATES) | Q(transient__isnull=True, discarded=True)
        spectra = visible.filter(failed, discarded=show == "discarded")
    related = ("transient", "group", "uploaded_by", "current_prediction")
    spectra = spectra.select_related(*related).order_by("-id")
    page = CappedPaginator(spectra, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "quarantine.html",
        {"page": page, "show": show, "query": f"show={show}" if show else "", "section": "quarantine"},
    )
