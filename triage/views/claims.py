"""The address with which a review page claims its transient, renews the claim, takes it over or gives it up."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from triage.models import Transient
from triage.review import claims, inbox
from triage.views.base import signed_in, wants_fragment


@login_required
@require_POST
def claim(request: HttpRequest, name: str) -> HttpResponse:
    """Change the claim on a transient.

    Parameters: act, which is "claim" (also to renew), "open" (a page that was fetched ahead is shown, so the inbox's
    entries about it are read too), "take" (take it over from another reviewer) or "release".
    The page's script gets the notice about the claim; a browser without the script gets the page.
    """
    user = signed_in(request)
    transient = Transient.objects.visible_to(user).called(user, name)
    if transient is None:
        raise Http404("There is no such transient.")
    act = request.POST.get("act", "claim")
    if act == "release":
        claims.release(user, transient)
        return HttpResponse(status=204)
    if act == "open":
        inbox.mark_read(user, transient)
    held = claims.claim(user, transient, take_over=act == "take")
    if not wants_fragment(request):
        return redirect("review", transient.name)
    claim_of_another = None if held.reviewer_id == user.pk else held
    return render(request, "partials/claim.html", {"transient": transient, "claim": claim_of_another})
