"""Queue page: transients that wait for a decision, with filters and saved views."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from classifier.taxonomy import load_taxonomy
from triage.errors import TriageError
from triage.models import Spectrum, Transient, Upload
from triage.models.demonstration import only
from triage.queue import saved_views
from triage.queue.counts import counts
from triage.queue.filters import PUBLIC, STATES, TNS_STATES, QueueFilter
from triage.queue.paging import MOST_SEARCHED, CappedPaginator
from triage.views.base import no_days, signed_in, wants_fragment
from triage.views.demo import demonstration_of, left_out
from triage.views.queue_rows import queue_rows

PAGE = 25


@login_required
@require_safe
def queue_page(request: HttpRequest) -> HttpResponse:
    """Show one page of the queue, or its rows alone if a script asks.

    The filter (see QueueFilter) and the page number are read from the address; links to transients keep the filter.
    A text that is no day is refused.
    """
    user = signed_in(request)
    chosen, refused = QueueFilter.read(request.GET), no_days(request, "from", "to")
    demonstration = demonstration_of(request)
    simulated = demonstration.simulated
    numbers = {} if wants_fragment(request) and not chosen.narrowed else counts(user, simulated)
    # The count of "processing" is one of spectra, not of transients.
    total = None if chosen.state == "processing" else numbers.get(chosen.state)
    known_count = None if chosen.narrowed or refused else total
    ids = chosen.places(user, simulated).values_list("pk", flat=True)
    # One search serves the number of rows and those of the page. A group's transients are counted sooner out of order.
    at_once = known_count is None and not chosen.group
    found = [] if refused else list(ids[: MOST_SEARCHED + 1]) if at_once else ids
    most = MOST_SEARCHED if chosen.narrowed else None
    page = CappedPaginator(found, PAGE, known_count, most).get_page(request.GET.get("page"))
    transients = Transient.objects.for_review(user).in_order(list(page.object_list))
    rows = queue_rows(user, transients, in_review=chosen.state == "in_review")
    context = {"page": page, "rows": rows, "filter": chosen, "state": chosen.state, "total": total}
    context["left_out"] = 0 if refused else left_out(request, rows, chosen.places(user, simulated=True).count)
    if wants_fragment(request) and not refused:
        return render(request, "partials/queue_rows.html", context)
    context |= {
        "states": [(key, label, numbers.get(key)) for key, label in STATES],
        "classes": load_taxonomy().trained,
        "groups": [PUBLIC, *user.groups.order_by("name").values_list("name", flat=True)],
        "tns_states": TNS_STATES if settings.TNS_LOOKUP else (),
        "views": user.saved_views.all(),
        "unnamed": Spectrum.objects.visible_to(user).filter(only(simulated)).unnamed().count(),
        "upload": Upload.objects.filter(user=user, pk=int(chosen.upload)).first() if chosen.upload else None,
        "no_days": refused,
        "section": "queue",
    }
    return render(request, "queue.html", context, status=400 if refused else 200)


@login_required
@require_safe
def queue_counts(request: HttpRequest) -> JsonResponse:
    """Return how many transients there are in each state, which the page's script keeps up to date."""
    return JsonResponse(counts(signed_in(request), demonstration_of(request).simulated))


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Save the page's filter under ``name``, or delete the saved view that ``drop`` names."""
    user = signed_in(request)
    chosen = QueueFilter.of_address(request.POST.get("query", ""))
    try:
        if request.POST.get("drop"):
            saved_views.forget(user, request.POST["drop"])
        else:
            saved_views.save(user, request.POST.get("name", ""), chosen)
    except TriageError as error:
        messages.error(request, f"The view was not saved: {error.detail}.")
    return redirect(reverse("queue") + chosen.query)
