"""The demonstration on pages: a switch that shows or leaves out simulated spectra, and a page that removes them."""

from __future__ import annotations

from collections.abc import Callable, Sized

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_http_methods, require_POST

from triage.models.demonstration import Demonstration
from triage.operations.demo_removal import remove_demo, simulated_transients
from triage.views.base import signed_in
from triage.views.return_address import return_address

# Key of the session under which a user's choice to see simulated spectra is kept.
SHOWN = "simulated_shown"


def demonstration_of(request: HttpRequest) -> Demonstration:
    """Return what the pages of a signed-in user do with simulated spectra; the database is asked once a request."""
    found: Demonstration | None = getattr(request, "demonstration", None)
    if found is None:
        found = Demonstration.of(signed_in(request), shown=bool(request.session.get(SHOWN)))
        request.demonstration = found  # type: ignore[attr-defined]
    return found


def left_out(request: HttpRequest, shown: Sized, simulated: Callable[[], int]) -> int:
    """Return how many simulated rows an empty page does not show; 0 if it has others or leaves none out.

    shown: rows that the page shows.
    simulated: counts the simulated ones.
    """
    return simulated() if not shown and demonstration_of(request).simulated is False else 0


def demonstration_notice(request: HttpRequest) -> dict[str, object]:
    """Give templates the demonstration, for the switch in the header."""
    return {"demonstration": SimpleLazyObject(lambda: demonstration_of(request))}


@login_required
@require_POST
def show_demo(request: HttpRequest) -> HttpResponse:
    """Show simulated spectra on the user's pages from now on, or leave them out.

    Parameters: shown ("1" or "0") and from, the address of the page to return to.
    """
    request.session[SHOWN] = request.POST.get("shown") == "1"
    return redirect(return_address(request, reverse("queue")))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def demo_page(request: HttpRequest) -> HttpResponse:
    """Ask whether the demonstration should go, and remove it."""
    if not signed_in(request).is_staff:
        raise PermissionDenied
    if request.method == "POST":
        count = remove_demo()
        messages.success(request, f"The demo night is gone. Simulated transients removed: {count}.")
        return redirect("queue")
    return render(request, "demo.html", {"count": simulated_transients(), "section": "demo"})
