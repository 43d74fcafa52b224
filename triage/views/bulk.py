"""Bulk page: confirm the surest predictions together, after a preview, and undo a whole batch."""

from __future__ import annotations

import dataclasses
import math
import uuid
from datetime import datetime
from typing import Self

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from triage.errors import TriageError
from triage.queue.filters import QueueFilter
from triage.review import bulk
from triage.views.base import no_days, sentence, signed_in
from triage.views.demo import demonstration_of, left_out


@dataclasses.dataclass(frozen=True)
class RecentBatch:
    """One of the user's last batches, as the page lists it.

    batch: id of the batch.
    decided_at: time of its last decision.
    summary: how many transients were confirmed or wait for a second opinion, and how many decisions were undone.
    undo_label: label of the button that undoes what still stands, or "" if nothing does.
    """

    batch: uuid.UUID
    decided_at: datetime
    summary: str
    undo_label: str

    @classmethod
    def counted(cls, batch: uuid.UUID, decided_at: datetime, taken: int, standing: int, waiting: int) -> Self:
        """Describe a batch.

        taken: number of its decisions.
        standing: number of its decisions that were not undone.
        waiting: number of its decisions that wait for a second opinion.
        """
        summary = _confirmed(taken - waiting, waiting)
        if not standing:
            return cls(batch, decided_at, f"{summary}, all undone", "")
        if standing == taken:
            return cls(batch, decided_at, summary, "Undo all")
        return cls(batch, decided_at, f"{summary}, {taken - standing} undone since", f"Undo the other {standing}")


def _confirmed(confirmed: int, waiting: int) -> str:
    """Return in words how many predictions were confirmed, and how many of those wait for a second opinion.

    confirmed: number that is vetted.
    waiting: number that waits for another reviewer.
    """
    taken = f"{confirmed} classification{'' if confirmed == 1 else 's'} confirmed"
    waits = f"{waiting} wait{'s' if waiting == 1 else ''} for a second opinion"
    return f"{taken}, {waits}" if confirmed and waiting else waits if waiting else taken


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def bulk_page(request: HttpRequest) -> HttpResponse:
    """Show or confirm the surest predictions of the queue.

    GET lists what can be confirmed at ``threshold`` percent, in the queue as it is filtered. POST confirms the chosen
    transients; each parameter ``row`` is "prediction name". A text that is no day is refused.
    """
    user = signed_in(request)
    chosen = QueueFilter.read(request.GET)
    if request.method == "POST":
        return _confirm(request, chosen)
    threshold = _threshold(request.GET.get("threshold", ""))
    demonstration = demonstration_of(request)
    refused = no_days(request, "from", "to")
    rows = [] if refused else bulk.proposed(user, chosen, threshold, demonstration.simulated)
    context = {
        "rows": rows,
        "left_out": left_out(
            request, rows, lambda: 0 if refused else len(bulk.proposed(user, chosen, threshold, True))
        ),
        "sure": sum(not row.doubt for row in rows),
        "threshold": f"{threshold:g}",
        "last_decision": bulk.newest_decision(user),
        "most": bulk.MOST,
        "recent": [
            RecentBatch.counted(row["batch"], row["at"], row["taken"], row["standing"], row["waiting"])
            for row in bulk.recent(user)
        ],
        "filter": chosen,
        "no_days": refused,
        "section": "queue",
    }
    return render(request, "bulk.html", context, status=400 if refused else 200)


def _confirm(request: HttpRequest, chosen: QueueFilter) -> HttpResponse:
    sent = [row.partition(" ") for row in request.POST.getlist("row")]
    predictions = {name: int(number) for number, _, name in sent if number.isdecimal() and len(number) < 19}
    last = request.POST.get("last_decision", "0")
    try:
        last_decision = int(last) if last.isdecimal() and len(last) < 19 else 0
        result = bulk.confirm(signed_in(request), predictions, last_decision)
    except TriageError as error:
        messages.error(request, f"Nothing was confirmed: {error.detail}.")
        return redirect(reverse("bulk") + chosen.query)
    if result.confirmed:
        waiting = len(result.second_opinion)
        message = _confirmed(len(result.confirmed) - waiting, waiting)
        messages.success(request, f"{message}.", extra_tags=f"batch:{result.batch}")
    for name, reason in result.refused:
        messages.warning(request, f"{name} was not confirmed: {reason}.")
    return redirect(reverse("queue") + chosen.query)


@login_required
@require_POST
def undo(request: HttpRequest, batch: uuid.UUID) -> HttpResponse:
    """Undo a whole batch of the user's own."""
    try:
        count = bulk.undo(signed_in(request), batch)
        messages.info(request, f"{count} decision{'' if count == 1 else 's'} undone.")
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    return redirect("queue")


def _threshold(text: str) -> float:
    """Return a threshold in percent. It is at least 50, because less sure predictions need a look each."""
    try:
        value = float(text)
    except ValueError:
        return bulk.USUAL_THRESHOLD
    return min(max(value, 50.0), 100.0) if math.isfinite(value) else bulk.USUAL_THRESHOLD
