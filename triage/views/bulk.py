"""Confirm the surest together: a preview, one submit, one undo."""

from __future__ import annotations

import math
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from triage import bulk
from triage.errors import TriageError
from triage.filters import QueueFilter
from triage.views.base import signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_page(request: HttpRequest) -> HttpResponse:
    """GET: what would be confirmed at ``threshold`` percent in the queue as it is filtered. POST: confirm the chosen
    ``row``s, each "prediction name"."""
    user = signed_in(request)
    chosen = QueueFilter.read(request.GET)
    if request.method == "POST":
        return _confirm(request, chosen)
    threshold = _threshold(request.GET.get("threshold", ""))
    rows = bulk.proposed(user, chosen, threshold)
    context = {
        "rows": rows,
        "sure": sum(not row.doubt for row in rows),
        "threshold": f"{threshold:g}",
        "last_decision": bulk.newest_decision(),
        "most": bulk.MOST,
        "recent": bulk.recent(user),
        "filter": chosen,
        "section": "queue",
    }
    return render(request, "bulk.html", context)


def _confirm(request: HttpRequest, chosen: QueueFilter) -> HttpResponse:
    sent = [row.partition(" ") for row in request.POST.getlist("row")]
    predictions = {name: int(number) for number, _, name in sent if number.isdecimal() and len(number) < 19}
    last = request.POST.get("last_decision", "0")
    try:
        seen = int(last) if last.isdecimal() and len(last) < 19 else 0
        result = bulk.confirm(signed_in(request), predictions, seen)
    except TriageError as error:
        messages.error(request, f"Nothing was confirmed: {error.detail}.")
        return redirect(reverse("bulk") + chosen.query)
    if result.confirmed:
        count = len(result.confirmed)
        said = f"{count} classification{'' if count == 1 else 's'} confirmed."
        messages.success(request, said, extra_tags=f"batch:{result.batch}")
    for name, why in result.refused:
        messages.warning(request, f"{name} was left: {why}.")
    return redirect(reverse("queue") + chosen.query)


@login_required
@require_POST
def undo(request: HttpRequest, batch: uuid.UUID) -> HttpResponse:
    """Take back a whole batch of one's own."""
    try:
        count = bulk.undo(signed_in(request), batch)
        messages.info(request, f"{count} decision{'' if count == 1 else 's'} taken back.")
    except TriageError as error:
        messages.error(request, f"{error.detail}.")
    return redirect("queue")


def _threshold(text: str) -> float:
    """Percent, from 50, below which a confirmation is no routine."""
    try:
        value = float(text)
    except ValueError:
        return bulk.USUAL_THRESHOLD
    return min(max(value, 50.0), 100.0) if math.isfinite(value) else bulk.USUAL_THRESHOLD
