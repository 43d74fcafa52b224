"""Webhooks page: webhooks of the signed-in user."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from triage.errors import TriageError
from triage.models import DeliveryState, Webhook, WebhookDelivery
from triage.services import webhooks
from triage.views.base import sentence, signed_in

LATEST = 30


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks_page(request: HttpRequest) -> HttpResponse:
    """List the webhooks; POST makes one. Its secret is shown in this answer only."""
    user = signed_in(request)
    secret = None
    refused: QueryDict | None = None
    if request.method == "POST":
        wanted = {name: request.POST.get(name) == "on" for name in ("on_prediction", "on_decision")}
        try:
            _, secret = webhooks.make(user, request.POST.get("url", "").strip(), **wanted)
        except TriageError as error:
            messages.error(request, sentence(error.detail))
            refused = request.POST
    states = {state.value: Count("deliveries", filter=Q(deliveries__state=state)) for state in DeliveryState}
    mine = Webhook.objects.filter(user=user)
    deliveries = WebhookDelivery.objects.filter(webhook__in=mine).exclude(last_error="")
    context = {
        "webhooks": mine.annotate(**states),
        "troubled": deliveries.select_related("webhook").order_by("-id")[:LATEST],
        "secret": secret,
        "refused": refused,
        "section": "webhooks",
    }
    return render(request, "webhooks.html", context)


@login_required
@require_POST
def change(request: HttpRequest, webhook_id: int, action: str) -> HttpResponse:
    """Remove a webhook, or send its given-up messages again."""
    user = signed_in(request)
    try:
        if action == "replay":
            messages.success(request, f"Messages that will be sent again: {webhooks.replay(user, webhook_id)}.")
        else:
            webhooks.remove(user, webhook_id)
            messages.success(request, "The webhook was removed.")
    except TriageError as error:
        messages.error(request, sentence(error.detail))
    return redirect("webhooks")
