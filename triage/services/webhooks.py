"""Webhooks: signed messages about new predictions and decisions to an address of a user's own.

Each round derives the deliveries from the records: every recent prediction or decision that the user may see gets one.
A delivery is repeated until it is acknowledged or given up, so it may arrive more than once. An address that gives no
answer is left alone for some minutes, so that it does not hold up the messages of others.
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
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from triage.accounts import audit
from triage.errors import InvalidActionError, NotFoundError, TriageError
from triage.export.classifications import iso
from triage.models import Decision, DeliveryState, Prediction, Webhook, WebhookDelivery
from triage.models.blind_sample import owes_blind_vote
from triage.review.second_opinion import is_hidden
from triage.services import attempts
from triage.services.http import post_pinned, public_address

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
MAX_WEBHOOKS = 10
LONGEST_URL = 300
LONGEST_ERROR = 300
FIRST_PAUSE = timedelta(minutes=1)
# Longer than any attempt takes.
LEASE = timedelta(minutes=2)
# An address that gave no answer gets nothing for at most this time, however long the message itself waits.
LONGEST_QUIET = timedelta(minutes=10)
# Pause before looking again whether the user has given the blind vote that a message waits for.
VOTE_PAUSE = timedelta(minutes=1)
LOOK_BACK = timedelta(days=3)


class DeliveryError(Exception):
    """The receiver did not acknowledge the message. The text is for people."""


class NoAnswerError(DeliveryError):
    """The receiver did not answer, for which a worker may have waited long."""


def make(user: User, url: str, *, on_prediction: bool, on_decision: bool) -> tuple[Webhook, str]:
    """Add a webhook.

    user: its owner; it tells only what this user may see.
    url: public http or https address that the messages are posted to.
    on_prediction, on_decision: which events it tells; at least one.

    Returns the webhook and its secret, which is shown only once. Raises InvalidActionError if no event is chosen, the
    address does not lead to a public host, or the user has too many webhooks.
    """
    if not (on_prediction or on_decision):
        raise InvalidActionError("choose at least one event: predictions or decisions")
    if len(url) > LONGEST_URL:
        raise InvalidActionError(f"the address has more than {LONGEST_URL} characters; enter a shorter one")
    public_address(url)
    secret = secrets.token_urlsafe(32)
    webhook = Webhook(user=user, url=url, on_prediction=on_prediction, on_decision=on_decision)
    webhook.secret = secret
    with transaction.atomic():
        # The user's requests come one after the other, so that no two of them see the same number.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if Webhook.objects.filter(user=user).count() >= MAX_WEBHOOKS:
            raise InvalidActionError(f"you have {MAX_WEBHOOKS} webhooks, which is the limit; remove one first")
        webhook.save()
        audit.note(user, webhook, "made the webhook")
    return webhook, secret


def remove(user: User, webhook_id: int) -> None:
    """Remove one of the user's webhooks. Raises NotFoundError if the user has no such webhook."""
    webhook = Webhook.objects.filter(user=user, pk=webhook_id).first()
    if webhook is None:
        raise NotFoundError("there is no such webhook")
    audit.note(user, webhook, "removed the webhook")
    webhook.delete()


def replay(user: User, webhook_id: int) -> int:
    """Repeat the deliveries that were given up; return their number.

    Raises NotFoundError if the user has no such webhook.
    """
    if not Webhook.objects.filter(user=user, pk=webhook_id).update(quiet_until=None):
        raise NotFoundError("there is no such webhook")
    given_up = WebhookDelivery.objects.filter(webhook=webhook_id, state=DeliveryState.GIVEN_UP)
    return given_up.update(state=DeliveryState.WAITING, attempts=0, next_attempt_at=None)


def run(budget_seconds: float) -> int:
    """Derive the deliveries of all webhooks and send what is due.

    budget_seconds: time after which the rest is left to the next round.

    Returns the number of messages delivered.
    """
    deadline = time.monotonic() + budget_seconds
    for webhook in Webhook.objects.filter(user__is_active=True).select_related("user"):
        try:
            _derive(webhook)
        except Exception:
            # A fault of one webhook must not keep the others from being told.
            log.exception("webhook %s: its messages could not be written down", webhook)
    delivered = 0
    while time.monotonic() < deadline and (delivery := _claim()):
        delivered += _deliver(delivery)
    return delivered


def _derive(webhook: Webhook) -> None:
    """Write down a delivery for each recent event that the webhook was not told of yet."""
    since = max(webhook.created_at, timezone.now() - LOOK_BACK)
    told = WebhookDelivery.objects.filter(webhook=webhook)
    # A user who owes a blind vote is told of the prediction and the first vote only after voting.
    rows = []
    if webhook.on_decision:
        decisions = Decision.objects.visible_to(webhook.user).filter(
            ~Exists(told.filter(decision=OuterRef("pk"))), ~owes_blind_vote(webhook.user), created_at__gte=since
        )
        rows += [WebhookDelivery(webhook=webhook, decision_id=pk) for pk in _ids(decisions)]
    if webhook.on_prediction:
        predictions = Prediction.objects.visible_to(webhook.user).filter(
            ~Exists(told.filter(prediction=OuterRef("pk"))),
            ~owes_blind_vote(webhook.user, "spectrum__transient"),
            created_at__gte=since,
        )
        rows += [WebhookDelivery(webhook=webhook, prediction_id=pk) for pk in _ids(predictions)]
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def _ids(rows: QuerySet[Any]) -> list[int]:
    return list(rows.order_by("id").values_list("pk", flat=True))


def _claim() -> WebhookDelivery | None:
    """Claim the oldest delivery that is due. An address that gave no answer last time comes after all others."""
    waiting = WebhookDelivery.objects.filter(state=DeliveryState.WAITING, webhook__user__is_active=True)
    answering, silent = Q(webhook__quiet_until__isnull=True), Q(webhook__quiet_until__lte=timezone.now())
    first = attempts.claim_first(waiting.filter(answering), LEASE)
    return first or attempts.claim_first(waiting.filter(silent), LEASE)


def _deliver(delivery: WebhookDelivery) -> bool:
    """Send one message, or decide what becomes of it; return whether it was acknowledged."""
    began = time.monotonic()
    try:
        if _must_wait(delivery):
            _update(delivery, next_attempt_at=timezone.now() + VOTE_PAUSE, attempts=F("attempts") - 1)
            return False
        message = _message(delivery)
        if message is None:
            _update(delivery, state=DeliveryState.DROPPED)
            return False
        _send(delivery.webhook, json.dumps(message).encode())
    except (DeliveryError, TriageError) as error:
        quiet = _was_slow(began) or isinstance(error, NoAnswerError | InvalidActionError)
        _try_later(delivery, error, quiet=quiet)
        return False
    except Exception as error:
        # A fault of one message must not keep the others from being sent.
        log.exception("webhook %s: message %s could not be sent", delivery.webhook, delivery)
        _try_later(delivery, error, quiet=_was_slow(began))
        return False
    _update(delivery, state=DeliveryState.DELIVERED, delivered_at=timezone.now(), last_error="")
    # An address that was slow comes after all others, as a silent one does, until it answers quickly again.
    quiet_until = attempts.later(FIRST_PAUSE, delivery.attempts, LONGEST_QUIET) if _was_slow(began) else None
    Webhook.objects.filter(pk=delivery.webhook_id).update(quiet_until=quiet_until)
    return True


def _was_slow(began: float) -> bool:
    return time.monotonic() - began >= attempts.SLOW_ANSWER


def _try_later(delivery: WebhookDelivery, error: Exception, *, quiet: bool) -> None:
    """Send a message again later, or give it up. quiet: whether its address is left alone for a while."""
    give_up = delivery.attempts >= MAX_ATTEMPTS
    _update(
        delivery,
        state=DeliveryState.GIVEN_UP if give_up else DeliveryState.WAITING,
        next_attempt_at=attempts.later(FIRST_PAUSE, delivery.attempts),
        last_error=str(error)[:LONGEST_ERROR],
    )
    if quiet:
        quiet_until = attempts.later(FIRST_PAUSE, delivery.attempts, LONGEST_QUIET)
        Webhook.objects.filter(pk=delivery.webhook_id).update(quiet_until=quiet_until)
    if give_up:
        log.error("webhook %s: message %s was not acknowledged and is given up: %s", delivery.webhook, delivery, error)


def _must_wait(delivery: WebhookDelivery) -> bool:
    """Return whether the user owes a blind vote on the transient that the message is about."""
    subject = delivery.prediction.spectrum if delivery.prediction else delivery.decision
    if subject is None or subject.transient is None:
        return False
    return is_hidden(delivery.webhook.user, subject.transient)


def _update(delivery: WebhookDelivery, **changes: object) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(**changes)


def _message(delivery: WebhookDelivery) -> dict[str, Any] | None:
    """Return the message, or None if the user may no longer see what it is about."""
    user = delivery.webhook.user
    if delivery.decision_id is not None:
        decisions = Decision.objects.visible_to(user).select_related("transient", "reviewer", "group")
        decision = decisions.filter(pk=delivery.decision_id).first()
        return None if decision is None else {"id": delivery.pk, "event": "decision", "data": _decision(decision)}
    predictions = Prediction.objects.visible_to(user).select_related("spectrum__transient", "checkpoint")
    prediction = predictions.filter(pk=delivery.prediction_id or 0).first()
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
    """Return the value of the header ``X-Triage-Signature``: ``t=…,v1=…``.

    secret: the webhook's secret.
    timestamp: seconds since 1970, UTC. It is signed too, so that a receiver can refuse an old message.
    body: the bytes that are sent.
    """
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _send(webhook: Webhook, body: bytes) -> None:
    """Post a message.

    Raises NoAnswerError or another DeliveryError if it was not acknowledged, and InvalidActionError for an address that
    is unknown or private.
    """
    headers = {"X-Triage-Signature": signature(webhook.secret, int(time.time()), body)}
    try:
        status = post_pinned(webhook.url, body, headers)
    except httpx.HTTPError as error:
        raise NoAnswerError(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise DeliveryError(f"the receiver answered with status {status}")
