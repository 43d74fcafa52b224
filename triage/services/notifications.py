"""Notifications: messages to users about what they chose, by e-mail or to a web address, each sent once.

A worker derives the messages from the records, writes them down, and sends them. A message that was certainly not
taken is sent again later. A message that may have arrived (no answer came, or the worker died while it sent) is not:
missing one message is better than getting it twice.
"""

from __future__ import annotations

import logging
import time
from datetime import date, timedelta

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
    Notification,
    NotificationKind,
    NotificationPreference,
    NotificationState,
)
from triage.models.demonstration import Demonstration
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
# A web address that did not take a message gets no other one for at most this time, however long the message waits.
LONGEST_QUIET = timedelta(minutes=10)
# A message that is still being sent after this time died with its worker.
LEASE = timedelta(minutes=3)
LONGEST_URL = 500
LONGEST_ERROR = 300
# Wishes of a user that switch on a kind of message about transients or nights.
WISHES = ("novelty", "second_opinion", "disputed", "mention", "digest")


def latest(user: User) -> QuerySet[Notification]:
    """Return the user's messages, newest first, without those about what the user may not see now."""
    return Notification.objects.filter(occasions.visible_to(user), user=user).select_related("transient")


def tell_test(user: User) -> None:
    """Send the user a test message through every channel they chose, at most once a minute."""
    key = f"{timezone.now():%Y-%m-%d %H:%M}"
    preferences = NotificationPreference.objects.filter(user=user).select_related("user")
    occasions.write_down(NotificationKind.TEST, preferences, key, "This is a test: notifications reach you here.")
    ring_after_commit(SEND_NOTIFICATIONS)


def run(budget_seconds: float) -> int:
    """Derive the messages of all users and send what is due.

    budget_seconds: time after which the rest is left to the next round.

    Returns the number of messages sent.
    """
    deadline = time.monotonic() + budget_seconds
    for preference in NotificationPreference.objects.filter(user__is_active=True).select_related("user"):
        try:
            occasions.write_down_all(preference)
        except Exception:
            # A fault of one user's messages must not keep the others from being told.
            log.exception("the notifications of user %s could not be written down", preference.user_id)
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
    quiet = NotificationPreference.objects.filter(quiet_until__gt=timezone.now())
    waiting = Notification.objects.filter(state=NotificationState.WAITING)
    waiting = waiting.exclude(channel=Channel.URL, user__in=quiet.values("user"))
    return attempts.claim_first(waiting, LEASE, state=NotificationState.SENDING)


def _send(message: Notification) -> bool:
    try:
        preference = NotificationPreference.objects.filter(user=message.user).first()
        address = "" if preference is None else _address(preference, message.channel)
        if preference is None or not address or not message.user.is_active or not _visible(message):
            _update(message, state=NotificationState.DROPPED)
            return False
        if message.channel == Channel.EMAIL:
            send_email(address, message, _email_text(message))
        else:
            _post(preference, address, message)
    except MaybeDeliveredError as error:
        _update(message, state=NotificationState.UNKNOWN, last_error=str(error)[:LONGEST_ERROR])
        return False
    except (NotDeliveredError, TriageError) as error:
        _try_later(message, error)
        return False
    except Exception as error:
        # A fault of one message must not keep the others from being sent.
        log.exception("notification could not be sent: %s", message)
        _update(message, state=NotificationState.UNKNOWN, last_error=str(error)[:LONGEST_ERROR])
        return False
    _update(message, state=NotificationState.SENT, sent_at=timezone.now(), last_error="")
    return True


def _post(preference: NotificationPreference, address: str, message: Notification) -> None:
    """Send a message to the web address. One that fails or is slow is left alone, so that others need not wait."""
    began = time.monotonic()
    failed = False
    try:
        send_to_url(address, message)
    except RefusedDeliveryError:
        raise
    except (MaybeDeliveredError, NotDeliveredError, TriageError):
        failed = True
        raise
    finally:
        if failed or time.monotonic() - began >= attempts.SLOW_ANSWER:
            # The user may have entered another address meanwhile.
            same = NotificationPreference.objects.filter(pk=preference.pk, encrypted_url=preference.encrypted_url)
            same.update(quiet_until=attempts.later(FIRST_PAUSE, message.attempts, LONGEST_QUIET))


def _email_text(message: Notification) -> str:
    """Return what an e-mail says. A digest is made when it is sent, so that it holds what its reader may see then."""
    if message.kind == NotificationKind.DIGEST:
        night = Night(date.fromisoformat(message.key))
        return as_text(Digest.of(message.user, night, Demonstration.of(message.user).simulated))
    return message.text


def _address(preference: NotificationPreference, channel: str) -> str:
    """Return where the channel leads, or "" if the user has none or it cannot be decrypted."""
    try:
        return preference.email if channel == Channel.EMAIL else preference.url
    except TriageError:
        return ""


def _visible(message: Notification) -> bool:
    return latest(message.user).filter(pk=message.pk).exists()


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
        preference.url, preference.quiet_until = url, None
    earlier = NotificationPreference.objects.filter(pk=preference.pk).first()
    if earlier is not None and any(_switched_on(earlier, preference, wish) for wish in WISHES):
        # Users get no messages about events from before they asked for them.
        preference.since = timezone.now()
    preference.save()
    if url:
        # What the earlier address did not take need not wait any longer.
        waiting = Notification.objects.filter(user=preference.user, channel=Channel.URL)
        waiting.filter(state=NotificationState.WAITING).update(next_attempt_at=None)
    return preference


def _switched_on(before: NotificationPreference, after: NotificationPreference, wish: str) -> bool:
    return getattr(before, wish) in (None, False) and getattr(after, wish) not in (None, False)
