"""Webhooks: signed messages on new predictions and decisions, retried, at least once.

What is to be sent is derived from the records in each round, as for the outbox: a prediction or decision of the last
days that the user may see and that has no delivery yet gets one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import time
from datetime import timedelta
from typing import Any

import httpx
from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from triage import audit
from triage.errors import InvalidActionError, NotFoundError, TriageError
from triage.export import iso
from triage.models import Classification, Decision, DeliveryState, Prediction, Webhook, WebhookDelivery
from triage.outside import post_pinned, public_address
from triage.second_opinion import is_hidden

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
MAX_WEBHOOKS = 10
FIRST_WAIT = timedelta(minutes=1)
# While it is being sent nobody else may; longer than any attempt takes.
LEASE = timedelta(minutes=2)
# Until it is looked at again whether a vote is in that a message has to wait for.
HELD = timedelta(minutes=1)
_RELATED = ("webhook__user", "decision__transient", "prediction__spectrum__transient")
LOOK_BACK = timedelta(days=3)


class DeliveryError(Exception):
    """It was not taken; the text is for people."""


def make(user: User, url: str, *, on_prediction: bool, on_decision: bool) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is shown this once. Raises InvalidActionError."""
    if not (on_prediction or on_decision):
        raise InvalidActionError("choose what it is to be told of")
    if len(url) > 300:
        raise InvalidActionError("an address may have 300 characters")
    if Webhook.objects.filter(user=user).count() >= MAX_WEBHOOKS:
        raise InvalidActionError(f"one user may have {MAX_WEBHOOKS} webhooks")
    public_address(url)
    secret = secrets.token_urlsafe(32)
    webhook = Webhook(user=user, url=url, on_prediction=on_prediction, on_decision=on_decision)
    webhook.secret = secret
    webhook.save()
    audit.note(user, webhook, "made the webhook")
    return webhook, secret


def remove(user: User, webhook_id: int) -> None:
    """Raises NotFoundError for one that is not the user's."""
    webhook = Webhook.objects.filter(user=user, pk=webhook_id).first()
    if webhook is None:
        raise NotFoundError("there is no such webhook")
    audit.note(user, webhook, "removed the webhook")
    webhook.delete()


def replay(user: User, webhook_id: int) -> int:
    """Send what was given up once more; returns how many. Raises NotFoundError."""
    if not Webhook.objects.filter(user=user, pk=webhook_id).exists():
        raise NotFoundError("there is no such webhook")
    given_up = WebhookDelivery.objects.filter(webhook=webhook_id, state=DeliveryState.GIVEN_UP)
    return given_up.update(state=DeliveryState.WAITING, attempts=0, next_attempt_at=None)


def run(budget_seconds: float) -> int:
    """Derive and send; returns how many were delivered."""
    deadline = time.monotonic() + budget_seconds
    for webhook in Webhook.objects.filter(user__is_active=True).select_related("user"):
        _derive(webhook)
    done = 0
    while time.monotonic() < deadline and (delivery := _claim()):
        done += _deliver(delivery)
    return done


def _derive(webhook: Webhook) -> None:
    since = max(webhook.created_at, timezone.now() - LOOK_BACK)
    told = WebhookDelivery.objects.filter(webhook=webhook)
    # Whose own vote is wanted is told of the first one, and of the prediction, once theirs is in.
    hidden = Classification.objects.visible_to(webhook.user).wanting_vote_of(webhook.user).values("transient")
    rows = []
    if webhook.on_decision:
        new = Decision.objects.visible_to(webhook.user).filter(
            ~Exists(told.filter(decision=OuterRef("pk"))), ~Q(transient__in=hidden), created_at__gte=since
        )
        rows += [WebhookDelivery(webhook=webhook, decision_id=pk) for pk in _ids(new)]
    if webhook.on_prediction:
        made = Prediction.objects.visible_to(webhook.user).filter(
            ~Exists(told.filter(prediction=OuterRef("pk"))), ~Q(spectrum__transient__in=hidden), created_at__gte=since
        )
        rows += [WebhookDelivery(webhook=webhook, prediction_id=pk) for pk in _ids(made)]
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def _ids(rows: QuerySet[Any]) -> list[int]:
    return list(rows.order_by("id").values_list("pk", flat=True))


def _claim() -> WebhookDelivery | None:
    now = timezone.now()
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    waiting = WebhookDelivery.objects.filter(due, state=DeliveryState.WAITING, webhook__user__is_active=True)
    for pk in waiting.order_by("id").values_list("pk", flat=True)[:20]:
        mine = WebhookDelivery.objects.filter(due, pk=pk, state=DeliveryState.WAITING)
        if mine.update(next_attempt_at=now + LEASE, attempts=F("attempts") + 1):
            return WebhookDelivery.objects.select_related(*_RELATED).get(pk=pk)
    return None


def _deliver(delivery: WebhookDelivery) -> bool:
    if _must_wait(delivery):
        _update(delivery, next_attempt_at=timezone.now() + HELD, attempts=F("attempts") - 1)
        return False
    message = _message(delivery)
    if message is None:
        _update(delivery, state=DeliveryState.DROPPED)
        return False
    try:
        _send(delivery.webhook, json.dumps(message).encode())
    except (DeliveryError, TriageError) as error:
        gone_on = delivery.attempts < MAX_ATTEMPTS
        _update(
            delivery,
            state=DeliveryState.WAITING if gone_on else DeliveryState.GIVEN_UP,
            next_attempt_at=timezone.now() + FIRST_WAIT * 2**delivery.attempts,
            last_error=str(error)[:300],
        )
        if not gone_on:
            log.error("the webhook %s was not told: %s", delivery.webhook, error)
        return False
    _update(delivery, state=DeliveryState.DELIVERED, delivered_at=timezone.now(), last_error="")
    return True


def _must_wait(delivery: WebhookDelivery) -> bool:
    """Whether the user's own blind vote is wanted by now, on what it tells of."""
    told = delivery.prediction.spectrum if delivery.prediction else delivery.decision
    return told is not None and told.transient is not None and is_hidden(delivery.webhook.user, told.transient)


def _update(delivery: WebhookDelivery, **changes: object) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(**changes)


def _message(delivery: WebhookDelivery) -> dict[str, Any] | None:
    """None where the user has lost sight of it in the meantime."""
    user = delivery.webhook.user
    if delivery.decision_id is not None:
        decisions = Decision.objects.visible_to(user).select_related("transient", "reviewer", "group")
        decision = decisions.filter(pk=delivery.decision_id).first()
        return None if decision is None else {"id": delivery.pk, "event": "decision", "data": _decision(decision)}
    predictions = Prediction.objects.visible_to(user).select_related("spectrum__transient", "checkpoint")
    prediction = predictions.filter(pk=delivery.prediction_id).first()
    return None if prediction is None else {"id": delivery.pk, "event": "prediction", "data": _prediction(prediction)}


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.pk,
        "transient": decision.transient.name,
        "verdict": decision.verdict,
        "class_name": decision.class_name or None,
        "redshift": decision.redshift,
        "reviewer": decision.reviewer.get_username(),
        "decided_at": iso(decision.created_at),
        "supersedes": decision.supersedes_id,
        "group": decision.group.name if decision.group else None,
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    transient = prediction.spectrum.transient
    return {
        "id": prediction.pk,
        "spectrum": prediction.spectrum_id,
        "transient": transient.name if transient else None,
        "class_name": prediction.class_name,
        "probability": prediction.probability,
        "conformal_set": prediction.conformal_set,
        "novelty": prediction.novelty,
        "redshift": prediction.redshift,
        "redshift_error": prediction.redshift_error,
        "redshift_used": prediction.redshift_used,
        "checkpoint": prediction.checkpoint.hash,
        "created_at": iso(prediction.created_at),
    }


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """``t=…,v1=…``: HMAC-SHA256 over the time, a dot and the body, so that an old message cannot be sent again."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _send(webhook: Webhook, body: bytes) -> None:
    try:
        status = post_pinned(
            webhook.url, body, {"X-Triage-Signature": signature(webhook.secret, int(time.time()), body)}
        )
    except httpx.HTTPError as error:
        raise DeliveryError(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise DeliveryError(f"status {status}")
