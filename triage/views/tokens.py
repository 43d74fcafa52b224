"""API tokens of the signed-in user: make, list, revoke."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from triage.models import ApiToken
from triage.views.base import signed_in


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens_page(request: HttpRequest) -> HttpResponse:
    """POST makes a token; its key is on the answer and nowhere else."""
    user = signed_in(request)
    key = None
    if request.method == "POST":
        label = request.POST.get("label", "").strip()[:80] or "unnamed"
        _, key = ApiToken.issue(user, label)
    tokens = ApiToken.objects.filter(user=user, revoked_at__isnull=True).order_by("-id")
    return render(request, "tokens.html", {"tokens": tokens, "key": key, "section": "tokens"})


@login_required
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """A revoked token is refused from the next request on."""
    mine = ApiToken.objects.filter(user=signed_in(request), pk=token_id, revoked_at__isnull=True)
    if mine.update(revoked_at=timezone.now()):
        messages.success(request, "The token is revoked.")
    return redirect("tokens")
