"""The queue: which transients wait for a decision."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.taxonomy import load_taxonomy
from triage import queue
from triage.filters import PUBLIC, STATES, QueueFilter
from triage.models import Spectrum, SpectrumState, Transient
from triage.views.base import signed_in, wants_fragment

PAGE = 25


@login_required
@require_safe
def queue_page(request: HttpRequest) -> HttpResponse:
    """Filters stay in the address: state, class, q (part of the name), group, page; a row's link hands them on."""
    user = signed_in(request)
    chosen = QueueFilter.read(request.GET)
    page = Paginator(chosen.rows(user), PAGE).get_page(request.GET.get("page"))
    _attach(user, page.object_list)
    context = {
        "page": page,
        "filter": chosen,
        "state": chosen.state,
        "states": STATES,
        "counts": counts(user),
        "classes": load_taxonomy().trained,
        "groups": [PUBLIC, *user.groups.order_by("name").values_list("name", flat=True)],
        "section": "queue",
    }
    return render(request, "partials/queue_rows.html" if wants_fragment(request) else "queue.html", context)


@login_required
@require_safe
def queue_counts(request: HttpRequest) -> JsonResponse:
    """Live counts for the page's script."""
    return JsonResponse(counts(signed_in(request)))


def counts(user: Any) -> dict[str, int]:
    """How many transients wait, are vetted, unsure, have only bad spectra or one that failed; how many spectra are
    being processed."""
    reviewed = Transient.objects.for_review(user).order_by()
    has = Q(current_prediction_id__isnull=False)
    found: dict[str, int] = reviewed.aggregate(
        pending=Count("pk", filter=has & Q(standing_verdict__in=("", "bad_spectrum"))),
        vetted=Count("pk", filter=Q(standing_verdict__in=("confirm", "override"))),
        unsure=Count("pk", filter=Q(standing_verdict="unsure")),
        bad=Count("pk", filter=~has & Q(standing_verdict="bad_spectrum")),
    )
    spectra: dict[str, int] = Spectrum.objects.visible_to(user).aggregate(
        processing=Count("pk", filter=Q(state=SpectrumState.QUEUED)),
        failed=Count("transient", filter=Q(state=SpectrumState.FAILED), distinct=True),
    )
    return found | spectra


def _attach(user: Any, transients: Any) -> None:
    """Give each transient of a page its prediction, spectrum, reason and number of epochs; two queries in all."""
    found = list(transients)
    predictions = queue.current_predictions(found)
    epochs = _epochs(user, [transient.pk for transient in found])
    for transient in found:
        transient.prediction = predictions.get(transient.current_prediction_id)
        latest, transient.epochs = epochs.get(transient.pk, (None, 0))
        transient.spectrum = transient.prediction.spectrum if transient.prediction else latest
        waiting_since = transient.spectrum.created_at if transient.spectrum else None
        transient.reason = _reason(transient, waiting_since)


def _reason(transient: Any, waiting_since: Any) -> str:
    spectrum = transient.spectrum
    if transient.prediction is None and spectrum is not None and spectrum.failure_code:
        return str(spectrum.failure_reason)
    if transient.standing_verdict in ("confirm", "override"):
        said = transient.prediction.class_name if transient.prediction else transient.standing_class
        return "vetted" if said == transient.standing_class else f"vetted; the network said {said}"
    if transient.standing_verdict == "bad_spectrum" and transient.prediction is None:
        return "its spectra were called bad"
    return queue.reason(transient.prediction, waiting_since)


def _epochs(user: Any, ids: list[int]) -> dict[int, tuple[Spectrum, int]]:
    """The newest visible spectrum of each transient and how many there are, without their arrays."""
    visible = Spectrum.objects.visible_to(user).filter(transient__in=ids)
    number = visible.filter(transient=OuterRef("transient")).order_by().values("transient").annotate(n=Count("pk"))
    annotated = visible.annotate(number=Coalesce(Subquery(number.values("n")), 0)).order_by("id")
    return {spectrum.transient_id: (spectrum, spectrum.number) for spectrum in annotated}
