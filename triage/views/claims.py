"""A page claims its transient, renews that while somebody looks, takes it over or gives it up."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from triage import claims
from triage.models import Transient
from triage.views.base import signed_in, wants_fragment


@login_required
@require_POST
def claim(request: HttpRequest, name: str) -> HttpResponse:
    """``act``: claim, take (from whoever has it) or release. Our script gets the notice that the page shows of it;
    without it, the page."""
    user = signed_in(request)
    transient = Transient.objects.visible_to(user).called(user, name)
    if transient is None:
        raise Http404("There is no such transient.")
    act = request.POST.get("act", "claim")
    if act == "release":
        claims.release(user, transient)
        return HttpResponse(status=204)
    found = claims.claim(user, transient, take_over=act == "take")
    if not wants_fragment(request):
        return redirect("review", transient.name)
    return render(request, "partials/claim.html", {"transient": transient, "claim": found})
