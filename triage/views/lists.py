"""Two lists: the vetted classifications, and the files in quarantine."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from triage.export import classifications
from triage.intake.quarantine import STATES
from triage.models import Spectrum
from triage.queue.filters import midnight
from triage.queue.paging import CappedPaginator
from triage.views.base import signed_in

PAGE = 50


# Columns that the vetted classifications can be sorted by; a minus before one reverses the order.
SORTED_BY = {
    "decided": "decided_at",
    "name": "transient__name",
    "class": "decision__class_name",
    "redshift": "decision__redshift",
    "reviewer": "decision__reviewer__username",
}


@login_required
@require_safe
def vetted_page(request: HttpRequest) -> HttpResponse:
    """List the vetted classifications. Filters and order stay in the address, and the downloads have the same filters.

    Parameters: class, reviewer, name (a part of it), since and until (days in UTC, both included), simulated (1 shows
    the demonstration too), sort (a key of SORTED_BY, with a minus for the reverse).
    """
    user = signed_in(request)
    given = {key: request.GET.get(key, "") for key in ("class", "reviewer", "name", "since", "until")}
    wanted = classifications.Wanted(
        class_name=given["class"],
        reviewer=given["reviewer"],
        name=given["name"],
        since=midnight(given["since"]),
        until=last + timedelta(days=1) if (last := midnight(given["until"])) else None,
    )
    # The demonstration is left out as soon as there is something real.
    real = classifications.vetted(user, classifications.Wanted(simulated=False))
    if request.GET.get("simulated") != "1" and real.exists():
        wanted = dataclasses.replace(wanted, simulated=False)
    sort = request.GET.get("sort", "")
    rows = classifications.vetted(user, wanted)
    if sort.removeprefix("-") in SORTED_BY:
        column = F(SORTED_BY[sort.removeprefix("-")])
        order = column.desc if sort.startswith("-") else column.asc
        rows = rows.order_by(order(nulls_last=True), "-id")
    page = CappedPaginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [classifications.as_row(row) for row in page.object_list],
        "given": given,
        "filtered": any(given.values()),
        "with_simulated": wanted.simulated is None,
        "sort": sort,
        "query": _query(wanted),
        "section": "vetted",
    }
    return render(request, "vetted.html", context)


def _query(wanted: classifications.Wanted) -> str:
    """Return the filter as the API takes it."""

    def written(value: object) -> str:
        if isinstance(value, datetime):
            return value.isoformat()
        return str(value).lower() if isinstance(value, bool) else str(value)

    given = {key: value for key, value in dataclasses.asdict(wanted).items() if value not in (None, "")}
    return urlencode({key: written(value) for key, value in given.items()})


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
