"""Search in the header: any transient that the user may see, by any of its names and in any state."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from triage.models import Transient
from triage.models.demonstration import only
from triage.queue.filters import STATES
from triage.views.base import signed_in, wants_fragment
from triage.views.demo import demonstration_of

MOST_HITS = 12


@dataclasses.dataclass(frozen=True)
class Hit:
    """A transient that was found.

    name: its name.
    also: another name that has the text, or "" if its own name has it.
    state: state of its review, in words.
    class_name: class that was decided on or predicted; "" if there is none or it is hidden from the user.
    address: address of its review page.
    """

    name: str
    also: str
    state: str
    class_name: str
    address: str


@login_required
@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """List the transients with a text in one of their names; a script gets the list as JSON.

    A name that means one transient leads to it at once, unless a script asks.
    """
    user, text = signed_in(request), request.GET.get("q", "").strip()[:120]
    demonstration = demonstration_of(request)
    if wants_fragment(request):
        return JsonResponse({"hits": [dataclasses.asdict(hit) for hit in find(user, text, demonstration.simulated)]})
    meant = Transient.objects.visible_to(user).called(user, text) if text else None
    if meant is not None:
        return redirect("review", meant.name)
    hits = find(user, text, demonstration.simulated)
    context = {"hits": hits, "text": text, "most": MOST_HITS}
    return render(request, "search.html", context)


def find(user: User, text: str, simulated: bool | None = None) -> list[Hit]:
    """Return transients with a text in a name that the user may know, the one that is called so first.

    text: name or part of one, in any spelling; "" finds nothing.
    simulated: see triage.models.demonstration. It does not narrow what a whole name finds.
    """
    if not text:
        return []
    seen = Transient.objects.for_review(user).with_other_names(user)
    meant = seen.called(user, text)
    newest = seen.with_part_of_name(user, text).filter(only(simulated)).order_by("-created_at", "-pk")[:MOST_HITS]
    rows = [meant, *(row for row in newest if row != meant)][:MOST_HITS] if meant else newest
    return [_hit(row, text) for row in rows]


def _hit(transient: Any, text: str) -> Hit:
    own = text.casefold() in transient.name.casefold()
    names = [other.name for other in transient.known_names if text.casefold() in other.name.casefold()]
    states = dict(STATES) | {"bad_spectrum": "Bad spectra"}
    return Hit(
        name=transient.name,
        also="" if own or not names else names[0],
        state=states[transient.review_state].lower(),
        class_name="" if transient.hidden else transient.standing_class or transient.predicted_class or "",
        address=reverse("review", args=[transient.name]),
    )
