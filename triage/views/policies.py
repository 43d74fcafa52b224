"""Which decisions need a second opinion, for each audience."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from classifier.taxonomy import load_taxonomy
from triage import second_opinion
from triage.errors import TriageError
from triage.forms import PolicyForm
from triage.views.base import signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policies_page(request: HttpRequest) -> HttpResponse:
    """Everybody's policy and those of the user's groups; POST changes the one of ``group``."""
    user = signed_in(request)
    if request.method == "POST":
        form = PolicyForm(request.POST)
        try:
            second_opinion.change_policy(user, *form.values())
            messages.success(request, "The policy holds for decisions from now on.")
        except TriageError as error:
            messages.error(request, f"Not changed: {error.detail}.")
        return redirect("policies")
    context = {
        "policies": second_opinion.policies(user),
        "parents": _by_parent(),
        "section": "policies",
    }
    return render(request, "policies.html", context)


def _by_parent() -> dict[str, list[str]]:
    """The taxonomy's classes below their parent groups."""
    found: dict[str, list[str]] = {}
    for entry in load_taxonomy().classes:
        found.setdefault(entry.group, []).append(entry.name)
    return found
