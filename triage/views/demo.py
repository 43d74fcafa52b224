"""A page for staff that takes the demonstration away."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from triage.operations.demo_removal import remove_demo, simulated_transients
from triage.views.base import signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def demo_page(request: HttpRequest) -> HttpResponse:
    """Ask whether the demonstration should go, and remove it."""
    if not signed_in(request).is_staff:
        raise PermissionDenied
    if request.method == "POST":
        count = remove_demo()
        messages.success(request, f"The demo night is gone: {count} simulated transients were removed.")
        return redirect("queue")
    return render(request, "demo.html", {"count": simulated_transients(), "section": "demo"})
