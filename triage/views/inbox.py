"""Inbox page, and the number of unread entries in the header of every page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from triage.accounts import invitations
from triage.review import inbox
from triage.views.base import signed_in
from triage.views.demo import demonstration_of, left_out


def unread_notice(request: HttpRequest) -> dict[str, object]:
    """Give templates the number of unread entries of the user's inbox. It is counted when it is first used."""
    return {"unread": SimpleLazyObject(lambda: _unread(request))}


def _unread(request: HttpRequest) -> int:
    if not request.user.is_authenticated:
        return 0
    return inbox.unread(request.user, demonstration_of(request).simulated)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def inbox_page(request: HttpRequest) -> HttpResponse:
    """List what the user is asked or told; POST marks all of it as read."""
    user, simulated = signed_in(request), demonstration_of(request).simulated
    if request.method == "POST":
        inbox.mark_read(user, simulated=simulated)
        return redirect("inbox")
    entries = inbox.entries(user, simulated)
    context = {
        "entries": entries,
        "left_out": left_out(request, entries, lambda: len(inbox.entries(user, simulated=True))),
        "most": inbox.MOST,
        "invitations": invitations.waiting_for(user),
        "section": "inbox",
    }
    return render(request, "inbox.html", context)
