"""The queue: which transients wait for a decision."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, OuterRef, Subquery, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from classifier.taxonomy import load_taxonomy
from triage import claims, queue, saved_views
from triage.errors import TriageError
from triage.filters import PUBLIC, STATES, QueueFilter, counts
from triage.models import Spectrum
from triage.paging import CappedPaginator
from triage.querysets import other_names
from triage.rows import reason_of
from triage.views.base import signed_in, wants_fragment

PAGE = 25


@login_required
@require_safe
def queue_page(request: HttpRequest) -> HttpResponse:
    """Filters stay in the address, see QueueFilter, as does the page; a row's link hands them on."""
    user = signed_in(request)
    chosen = QueueFilter.read(request.GET)
    found = {} if wants_fragment(request) and not chosen.narrowed else counts(user)
    # Those processed are counted as spectra.
    total = None if chosen.state == "processing" else found.get(chosen.state)
    known = None if chosen.narrowed else total
    page = CappedPaginator(chosen.rows(user), PAGE, known).get_page(request.GET.get("page"))
    _attach(user, page.object_list)
    context = {"page": page, "filter": chosen, "state": chosen.state, "total": total}
    if wants_fragment(request):
        return render(request, "partials/queue_rows.html", context)
    context |= {
        "states": [(key, label, found.get(key)) for key, label in STATES],
        "classes": load_taxonomy().trained,
        "groups": [PUBLIC, *user.groups.order_by("name").values_list("name", flat=True)],
        "views": user.saved_views.all(),
        "section": "queue",
    }
    return render(request, "queue.html", context)


@login_required
@require_safe
def queue_counts(request: HttpRequest) -> JsonResponse:
    """Live counts for the page's script."""
    return JsonResponse(counts(signed_in(request)))


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Give the filter of the page a name, or with ``drop`` forget one."""
    user = signed_in(request)
    chosen = QueueFilter.of_address(request.POST.get("query", ""))
    try:
        if request.POST.get("drop"):
            saved_views.forget(user, request.POST["drop"])
        else:
            saved_views.save(user, request.POST.get("name", ""), chosen)
    except TriageError as error:
        messages.error(request, f"{error.detail}.")
    return redirect(reverse("queue") + chosen.query)


def _attach(user: Any, transients: Any) -> None:
    """Give each transient of a page its prediction, spectrum, reason, claim, other names and number of epochs; four
    queries in all."""
    found = list(transients)
    prefetch_related_objects(found, other_names(user))
    predictions = queue.current_predictions(found)
    ids = [transient.pk for transient in found]
    epochs, held = _epochs(user, ids), claims.holders(ids)
    for transient in found:
        transient.prediction = predictions.get(transient.current_prediction_id)
        latest, transient.epochs = epochs.get(transient.pk, (None, 0))
        transient.spectrum = transient.prediction.spectrum if transient.prediction else latest
        transient.held = held.get(transient.pk)
        spectrum = transient.spectrum
        transient.reason = reason_of(transient, transient.prediction, spectrum and spectrum.created_at, spectrum)
        if transient.hidden:
            transient.prediction = transient.predicted_class = transient.standing_redshift = None
            transient.standing_class = ""


def _epochs(user: Any, ids: list[int]) -> dict[int, tuple[Spectrum, int]]:
    """The newest visible spectrum of each transient and how many there are, without their arrays."""
    visible = Spectrum.objects.visible_to(user).filter(transient__in=ids)
    number = visible.filter(transient=OuterRef("transient")).order_by().values("transient").annotate(n=Count("pk"))
    annotated = visible.annotate(number=Coalesce(Subquery(number.values("n")), 0)).order_by("id")
    return {spectrum.transient_id: (spectrum, spectrum.number) for spectrum in annotated}
