"""The address with which a review page claims its transient, renews the claim, takes it over or gives it up."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from triage.review import claims, inbox
from triage.views.base import signed_in, visible_transient, wants_fragment


@login_required
@require_POST
def claim(request: HttpRequest, name: str) -> HttpResponse:
    """Change the claim on a transient.

    Parameters: act, which is "claim" (also to renew), "open" (a page that was fetched ahead is shown, so the inbox's
    entries about it are read too), "take" (take it over from another reviewer) or "release". A transient
    on which no decision of the user is expected is claimed by "take" alone, and renewed after that.
    The page's script gets the notice about the claim; a browser without the script gets the page.
    """
    user = signed_in(request)
    transient = visible_transient(user, name)
    act = request.POST.get("act", "claim")
    if act == "release":
        claims.release(user, transient)
        return HttpResponse(status=204)
    if act == "open":
        inbox.mark_read(user, transient)
    wanted = act == "take" or claims.is_wanted(transient) or claims.holds(user, transient)
    if wanted:
        claims.claim(user, transient, take_over=act == "take")
    if not wants_fragment(request):
        return redirect("review", transient.name)
    context = {"transient": transient, "claim": claims.claim_of_another(user, transient), "wanted": wanted}
    return render(request, "partials/claim.html", context)
