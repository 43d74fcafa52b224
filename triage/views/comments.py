"""Addresses at which a comment on a transient is written or withdrawn."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from triage.errors import TriageError
from triage.review import comments
from triage.views.base import signed_in, visible_transient
from triage.views.return_address import return_address


@login_required
@require_POST
def write(request: HttpRequest, name: str) -> HttpResponse:
    """Write a comment on a transient and show it in its thread.

    Parameters: text, group (a name, or "" for everybody), from (the address of the page).
    """
    user = signed_in(request)
    transient = visible_transient(user, name)
    here, group = return_address(request, reverse("review", args=[transient.name])), request.POST.get("group")
    try:
        comment = comments.add(user, transient, request.POST.get("text", ""), group)
    except TriageError as error:
        messages.error(request, f"The comment was not stored: {error.detail}.")
        return redirect(f"{here}#comments")
    if missed := comments.reached_nobody(comment.text, user, comment.group):
        messages.info(request, missed)
    return redirect(f"{here}#comment-{comment.pk}")


@login_required
@require_POST
def withdraw(request: HttpRequest, comment_id: int) -> HttpResponse:
    """Withdraw one of the user's own comments. Parameter: from, the address of the page."""
    here = return_address(request, reverse("queue"))
    try:
        comment = comments.withdraw(signed_in(request), comment_id)
    except TriageError as error:
        messages.error(request, f"The comment was not withdrawn: {error.detail}.")
        return redirect(here)
    return redirect(f"{return_address(request, reverse('review', args=[comment.transient.name]))}#comment-{comment.pk}")
