"""Two lists: the vetted classifications, and the files in quarantine."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.taxonomy import load_taxonomy
from triage.export import classifications
from triage.intake.quarantine import STATES
from triage.models import Spectrum
from triage.models.demonstration import only
from triage.queue.filters import midnight
from triage.queue.paging import CappedPaginator
from triage.views.base import no_days, signed_in
from triage.views.demo import demonstration_of, left_out
from triage.views.sorting import sorted_by

PAGE = 50

# Columns that each list can be sorted by.
VETTED_BY = {
    "decided": "decided_at",
    "name": "transient__name",
    "class": "decision__class_name",
    "redshift": "decision__redshift",
    "reviewer": "decision__reviewer__username",
}
QUARANTINED_BY = {
    "file": "filename",
    "transient": "transient__name",
    "reason": "failure_reason",
    "sender": "uploaded_by__username",
    "arrived": "created_at",
}


@login_required
@require_safe
def vetted_page(request: HttpRequest) -> HttpResponse:
    """List the vetted classifications. Filters and order stay in the address, and the downloads have the same filters.

    Parameters: class, reviewer, name (a part of it), since and until (days in UTC, both included), sort (a key of
    VETTED_BY, with a minus for the reverse). A text that is no day is refused.
    """
    user, demonstration = signed_in(request), demonstration_of(request)
    given = {key: request.GET.get(key, "").strip() for key in ("class", "reviewer", "name", "since", "until")}
    wanted = classifications.Wanted(
        class_name=given["class"],
        reviewer=given["reviewer"],
        name=given["name"],
        since=midnight(given["since"]),
        until=last + timedelta(days=1) if (last := midnight(given["until"])) else None,
        simulated=demonstration.simulated,
    )
    sort = request.GET.get("sort", "")
    refused = no_days(request, "since", "until")
    rows = sorted_by(classifications.vetted(user, wanted), sort, VETTED_BY)
    rows = rows.none() if refused else rows
    simulated = classifications.vetted(user, dataclasses.replace(wanted, simulated=True))
    page = CappedPaginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [classifications.as_row(row) for row in page.object_list],
        "given": given,
        "classes": [entry.name for entry in load_taxonomy().classes],
        "no_days": refused,
        "filtered": any(given.values()),
        "left_out": 0 if refused else left_out(request, page.object_list, simulated.count),
        "sort": sort,
        "query": _query(wanted),
        "section": "vetted",
    }
    return render(request, "vetted.html", context, status=400 if refused else 200)


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
    """List what could not be read, classified or named, the newest first.

    Parameters: show ("unnamed" or "discarded"), sort (a key of QUARANTINED_BY, with a minus for the reverse).
    """
    show = request.GET.get("show", "")
    demonstration = demonstration_of(request)
    visible = Spectrum.objects.visible_to(signed_in(request))
    if show == "unnamed":
        spectra = visible.unnamed()
    else:
        show = "discarded" if show == "discarded" else ""
        failed = Q(state__in=STATES) | Q(transient__isnull=True, discarded=True)
        spectra = visible.filter(failed, discarded=show == "discarded")
    simulated, spectra = spectra.filter(simulated=True), spectra.filter(only(demonstration.simulated))
    related = ("transient", "group", "uploaded_by", "current_prediction")
    sort = request.GET.get("sort", "")
    rows = sorted_by(spectra.select_related(*related).order_by("-id"), sort, QUARANTINED_BY)
    page = CappedPaginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "show": show,
        "sort": sort,
        "left_out": left_out(request, page.object_list, simulated.count),
        "section": "quarantine",
    }
    return render(request, "quarantine.html", context)
