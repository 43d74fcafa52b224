"""Notifications: each user is told of what they chose, by e-mail or at a web address, and of nothing twice.

A message is written down first and sent by a worker. Where it was surely not taken, it is tried again. Where it may
have arrived (no answer came, or the worker died while it sent), it is not: a message too few beats one too many.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import quote

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from triage.doorbell import ring
from triage.errors import InvalidActionError, TriageError
from triage.messengers import MaybeDeliveredError, NotDeliveredError, RefusedDeliveryError, send_email, send_to_url
from triage.models import (
    Channel,
    Classification,
    Decision,
    Notification,
    NotificationKind,
    NotificationPreference,
    NotificationState,
    RunState,
    SkyPortalInstance,
    Spectrum,
    Standing,
    Transient,
)
from triage.outside import public_address
from triage.second_opinion import is_hidden
from triage.standing import standing
from triage.tasks import send_notifications

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
FIRST_WAIT = timedelta(minutes=1)
# Longer than any attempt takes: one that is still being sent after it died with its worker.
LEASE = timedelta(minutes=3)
LOOK_BACK = timedelta(days=3)
# A name of many letters that are no ASCII has no address that fits; its message leads to the queue.
LONGEST_PATH = 500
# One run that fails is weather.
FAILURES_IN_A_ROW = 3


def tell(
    kind: NotificationKind, users: Iterable[User], key: str, text: str, transient: Transient | None = None
) -> None:
    """Write down a message for those of the users who want that kind; of the same ``key`` nobody is told twice.

    transient: what it is about; who may not see it is not told. Call it in the transaction that it follows from."""
    wanted = NotificationPreference.objects.filter(user__in=[user.pk for user in users], user__is_active=True)
    if kind != NotificationKind.TEST:
        wanted = wanted.filter(**{kind.value: True})
    _write_down(kind, wanted.select_related("user"), key, text, transient)
    transaction.on_commit(lambda: ring(send_notifications))


def tell_of_round(decision: Decision) -> None:
    """What a decision means for others: a second opinion is wanted of those who may give one, or it disputes what
    somebody voted. Neither message says what was decided or predicted. Within the decision's transaction."""
    transient, group = decision.transient, decision.group
    found = standing(transient, group)
    if found is None or decision.pk not in {vote.pk for vote in found.votes}:
        return
    name = transient.name
    if found.state == Standing.SECOND_OPINION:
        others = User.objects.exclude(pk__in=found.voters).filter(notifications__second_opinion=True)
        if group is not None:
            others = others.filter(groups=group)
        tell(
            NotificationKind.SECOND_OPINION, others, f"round-{decision.pk}", f"{name} wants a second opinion", transient
        )
    elif found.state == Standing.DISPUTED:
        voters = User.objects.filter(pk__in=found.voters).exclude(pk=decision.reviewer_id)
        text = f"{name} is disputed: another reviewer decided otherwise than you"
        tell(NotificationKind.DISPUTED, voters, f"dispute-{decision.pk}", text, transient)


def latest(user: User) -> QuerySet[Notification]:
    """What a user was told, newest first; without what tells a prediction that is hidden from them now."""
    hidden = Classification.objects.visible_to(user).wanting_vote_of(user).values("transient")
    told = Notification.objects.filter(user=user).select_related("transient")
    return told.exclude(kind=NotificationKind.NOVELTY, transient__in=hidden)


def tell_test(user: User) -> None:
    """A message to oneself, by every way that is chosen; at most one a minute."""
    key = f"{timezone.now():%Y-%m-%d %H:%M}"
    tell(NotificationKind.TEST, [user], key, "This is a test: notifications reach you here.")


def _write_down(
    kind: NotificationKind,
    preferences: Iterable[NotificationPreference],
    key: str,
    text: str,
    transient: Transient | None = None,
) -> None:
    path = f"/transients/{quote(transient.name, safe='')}/" if transient else "/skyportal/"
    if len(path) > LONGEST_PATH:
        path = "/"
    rows = [
        Notification(
            user=preference.user,
            kind=kind,
            key=key,
            channel=channel,
            transient=transient,
            text=text[:1000],
            path=path if kind != NotificationKind.TEST else "/account/notifications/",
        )
        for preference in preferences
        for channel, there in ((Channel.EMAIL, preference.email), (Channel.URL, preference.encrypted_url))
        if there
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)


def run(budget_seconds: float) -> int:
    """Derive and send; returns how many were sent."""
    deadline = time.monotonic() + budget_seconds
    for preference in NotificationPreference.objects.filter(user__is_active=True).select_related("user"):
        _derive_novelty(preference)
        _derive_failing_syncs(preference)
    _settle_the_dead()
    done = 0
    while time.monotonic() < deadline and (message := _claim()):
        done += _send(message)
    return done


def _derive_novelty(preference: NotificationPreference) -> None:
    """Of each transient once, whatever spectra of it follow."""
    if preference.novelty is None or not (preference.email or preference.encrypted_url):
        return
    since = max(preference.since, timezone.now() - LOOK_BACK)
    spectra = Spectrum.objects.visible_to(preference.user).filter(
        rejected=False,
        transient__isnull=False,
        current_prediction__novelty__gte=preference.novelty,
        current_prediction__created_at__gte=since,
    )
    told = Notification.objects.filter(user=preference.user, kind=NotificationKind.NOVELTY).values("transient")
    for spectrum in (
        spectra.exclude(transient__in=told).select_related("transient", "current_prediction").order_by("id")
    ):
        if (transient := spectrum.transient) is None or (prediction := spectrum.current_prediction) is None:
            continue
        if is_hidden(preference.user, transient):
            continue
        text = (
            f"{transient.name} looks unlike the spectra the network knows: novelty {prediction.novelty:.2f}; "
            f"likeliest {prediction.class_name} ({prediction.probability:.0%})"
        )
        _write_down(NotificationKind.NOVELTY, [preference], f"transient-{transient.pk}", text, transient)


def _derive_failing_syncs(preference: NotificationPreference) -> None:
    """Once for each row of failures: the last run that worked tells one row from the next."""
    if not preference.sync_failing:
        return
    failing = SkyPortalInstance.objects.visible_to(preference.user).filter(enabled=True)
    for instance in failing.filter(failures__gte=FAILURES_IN_A_ROW):
        good = instance.runs.filter(state=RunState.DONE).order_by("-id").first()
        last = instance.runs.filter(state=RunState.FAILED).order_by("-id").first()
        why = f": {last.message}" if last else ""
        text = f"The sync of {instance.name} has failed {instance.failures} times in a row{why}"
        _write_down(NotificationKind.SYNC_FAILING, [preference], f"sync-{instance.pk}-{good.pk if good else 0}", text)


def _settle_the_dead() -> None:
    dead = Notification.objects.filter(state=NotificationState.SENDING, next_attempt_at__lt=timezone.now())
    if dead.update(state=NotificationState.UNKNOWN, last_error="its worker died while it was being sent"):
        log.error("notifications were being sent when their worker died; they are not sent again")


def _claim() -> Notification | None:
    now = timezone.now()
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    waiting = Notification.objects.filter(due, state=NotificationState.WAITING)
    for pk in waiting.order_by("id").values_list("pk", flat=True)[:20]:
        mine = waiting.filter(pk=pk)
        if mine.update(state=NotificationState.SENDING, next_attempt_at=now + LEASE, attempts=F("attempts") + 1):
            return Notification.objects.select_related("user", "transient").get(pk=pk)
    return None


def _send(message: Notification) -> bool:
    preference = NotificationPreference.objects.filter(user=message.user).first()
    address = "" if preference is None else _address(preference, message.channel)
    if not address or not message.user.is_active or not _visible(message):
        _update(message, state=NotificationState.DROPPED)
        return False
    try:
        if message.channel == Channel.EMAIL:
            send_email(address, message)
        else:
            send_to_url(address, message)
    except MaybeDeliveredError as error:
        _update(message, state=NotificationState.UNKNOWN, last_error=str(error)[:300])
        return False
    except (NotDeliveredError, TriageError) as error:
        _try_later(message, error)
        return False
    _update(message, state=NotificationState.SENT, sent_at=timezone.now(), last_error="")
    return True


def _address(preference: NotificationPreference, channel: str) -> str:
    try:
        return preference.email if channel == Channel.EMAIL else preference.url
    except TriageError:
        return ""


def _visible(message: Notification) -> bool:
    if message.transient is None:
        return True
    if message.kind == NotificationKind.NOVELTY and is_hidden(message.user, message.transient):
        return False
    rows = Transient.objects.visible_to(message.user)
    found: bool = rows.filter(pk=message.transient_id).exists()
    return found


def _try_later(message: Notification, error: Exception) -> None:
    goes_on = message.attempts < MAX_ATTEMPTS and not isinstance(error, RefusedDeliveryError)
    if not goes_on:
        log.error("a notification was not delivered: %s: %s", message, error)
    _update(
        message,
        state=NotificationState.WAITING if goes_on else NotificationState.GIVEN_UP,
        next_attempt_at=timezone.now() + FIRST_WAIT * 2**message.attempts,
        last_error=str(error)[:300],
    )


def _update(message: Notification, **changes: object) -> None:
    Notification.objects.filter(pk=message.pk).update(**changes)


def save_preference(preference: NotificationPreference, url: str | None) -> NotificationPreference:
    """Store a user's wishes. url: a new one, "" for none, None for the one there was. Raises InvalidActionError."""
    if url:
        if len(url) > 500:
            raise InvalidActionError("an address may have 500 characters")
        public_address(url)
    if url is not None:
        preference.url = url
    earlier = NotificationPreference.objects.filter(pk=preference.pk).first()
    if earlier is not None and earlier.novelty is None and preference.novelty is not None:
        # What was predicted before it was asked for is not news.
        preference.since = timezone.now()
    preference.save()
    return preference
