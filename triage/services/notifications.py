"""Notifications: messages to users about what they chose, by e-mail or to a web address, each sent once.

A worker derives the messages from the records, writes them down, and sends them. A message that was certainly not
taken is sent again later. A message that may have arrived (no answer came, or the worker died while it sent) is not:
missing one message is better than getting it twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from triage.doorbell import SEND_NOTIFICATIONS, ring_after_commit
from triage.errors import InvalidActionError, TriageError
from triage.export.digest import Digest
from triage.export.digest_text import as_text
from triage.export.night import Night
from triage.models import (
    Channel,
    Comment,
    Notification,
    NotificationKind,
    NotificationPreference,
    NotificationState,
    Transient,
)
from triage.models.blind_sample import owes_blind_vote
from triage.models.demonstration import Demonstration
from triage.review.second_opinion import is_hidden
from triage.services import attempts, occasions
from triage.services.http import public_address
from triage.services.messengers import (
    MaybeDeliveredError,
    NotDeliveredError,
    RefusedDeliveryError,
    send_email,
    send_to_url,
)

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
FIRST_PAUSE = timedelta(minutes=1)
# A message that is still being sent after this time died with its worker.
LEASE = timedelta(minutes=3)
LONGEST_URL = 500
LONGEST_ERROR = 300
# Wishes of a user that switch on a kind of message about transients or nights.
WISHES = ("novelty", "second_opinion", "disputed", "mention", "digest")


def tell(
    kind: NotificationKind, users: Iterable[User], key: str, text: str, transient: Transient | None = None
) -> None:
    """Write down a message for those users who want its kind.

    kind: kind of the message.
    users: whom it may concern.
    key: what it is about; no user gets two messages of one kind with the same key.
    text: the message itself.
    transient: the transient it is about, or None. A user who may not see it when the message is sent gets none.
    """
    wanted = NotificationPreference.objects.filter(user__in=[user.pk for user in users], user__is_active=True)
    if kind != NotificationKind.TEST:
        wanted = wanted.filter(**{kind.value: True})
    occasions.write_down(kind, wanted.select_related("user"), key, text, transient)
    ring_after_commit(SEND_NOTIFICATIONS)


def latest(user: User) -> QuerySet[Notification]:
    """Return the user's messages, newest first, without those that tell a prediction that is hidden from them now."""
    told = Notification.objects.filter(user=user).select_related("transient")
    return told.exclude(owes_blind_vote(user), kind=NotificationKind.NOVELTY)


def tell_test(user: User) -> None:
    """Send the user a test message through every channel they chose, at most once a minute."""
    key = f"{timezone.now():%Y-%m-%d %H:%M}"
    tell(NotificationKind.TEST, [user], key, "This is a test: notifications reach you here.")


def run(budget_seconds: float) -> int:
    """Derive the messages of all users and send what is due.

    budget_seconds: time after which the rest is left to the next round.

    Returns the number of messages sent.
    """
    deadline = time.monotonic() + budget_seconds
    for preference in NotificationPreference.objects.filter(user__is_active=True).select_related("user"):
        occasions.write_down_all(preference)
    _give_up_interrupted()
    sent = 0
    while time.monotonic() < deadline and (message := _claim()):
        sent += _send(message)
    return sent


def _give_up_interrupted() -> None:
    """Mark the messages whose worker died while it was sending them: they may have arrived."""
    interrupted = Notification.objects.filter(state=NotificationState.SENDING, next_attempt_at__lt=timezone.now())
    number = interrupted.update(state=NotificationState.UNKNOWN, last_error="the worker died while it was sending this")
    if number:
        log.error("a worker died while it was sending %s notifications; they may have arrived and stay unsent", number)


def _claim() -> Notification | None:
    waiting = Notification.objects.filter(state=NotificationState.WAITING)
    return attempts.claim_first(waiting, LEASE, state=NotificationState.SENDING)


def _send(message: Notification) -> bool:
    preference = NotificationPreference.objects.filter(user=message.user).first()
    address = "" if preference is None else _address(preference, message.channel)
    if not address or not message.user.is_active or not _visible(message):
        _update(message, state=NotificationState.DROPPED)
        return False
    try:
        if message.channel == Channel.EMAIL:
            send_email(address, message, _email_text(message))
        else:
            send_to_url(address, message)
    except MaybeDeliveredError as error:
        _update(message, state=NotificationState.UNKNOWN, last_error=str(error)[:LONGEST_ERROR])
        return False
    except (NotDeliveredError, TriageError) as error:
        _try_later(message, error)
        return False
    _update(message, state=NotificationState.SENT, sent_at=timezone.now(), last_error="")
    return True


def _email_text(message: Notification) -> str:
    """Return what an e-mail says. A digest is made when it is sent, so that it holds what its reader may see then."""
    if message.kind == NotificationKind.DIGEST:
        return as_text(Digest.of(message.user, Night.read(message.key), Demonstration.of(message.user).simulated))
    return message.text


def _address(preference: NotificationPreference, channel: str) -> str:
    """Return where the channel leads, or "" if the user has none or it cannot be decrypted."""
    try:
        return preference.email if channel == Channel.EMAIL else preference.url
    except TriageError:
        return ""


def _visible(message: Notification) -> bool:
    if message.transient is None:
        return True
    if message.kind == NotificationKind.MENTION:
        return Comment.objects.mentioning(message.user).filter(pk=message.key).exists()
    if message.kind == NotificationKind.NOVELTY and is_hidden(message.user, message.transient):
        return False
    return Transient.objects.visible_to(message.user).filter(pk=message.transient.pk).exists()


def _try_later(message: Notification, error: Exception) -> None:
    give_up = message.attempts >= MAX_ATTEMPTS or isinstance(error, RefusedDeliveryError)
    if give_up:
        log.error("notification not delivered and given up: %s: %s", message, error)
    _update(
        message,
        state=NotificationState.GIVEN_UP if give_up else NotificationState.WAITING,
        next_attempt_at=attempts.later(FIRST_PAUSE, message.attempts),
        last_error=str(error)[:LONGEST_ERROR],
    )


def _update(message: Notification, **changes: object) -> None:
    Notification.objects.filter(pk=message.pk).update(**changes)


def save_preference(preference: NotificationPreference, url: str | None) -> NotificationPreference:
    """Store which messages a user wants, and where they go.

    preference: the wishes, saved or not.
    url: a new web address, "" to remove the present one, or None to keep it.

    Raises InvalidActionError if the address is too long or does not lead to a public host.
    """
    if url:
        if len(url) > LONGEST_URL:
            raise InvalidActionError(f"the web address has more than {LONGEST_URL} characters; enter a shorter one")
        public_address(url)
    if url is not None:
        preference.url = url
    earlier = NotificationPreference.objects.filter(pk=preference.pk).first()
    if earlier is not None and any(_switched_on(earlier, preference, wish) for wish in WISHES):
        # Users get no messages about events from before they asked for them.
        preference.since = timezone.now()
    preference.save()
    return preference


def _switched_on(before: NotificationPreference, after: NotificationPreference, wish: str) -> bool:
    return getattr(before, wish) in (None, False) and getattr(after, wish) not in (None, False)
