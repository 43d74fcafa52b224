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
from urllib.parse import quote

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from triage.doorbell import SEND_NOTIFICATIONS, ring_after_commit
from triage.errors import InvalidActionError, TriageError
from triage.models import (
    Channel,
    Classification,
    Notification,
    NotificationKind,
    NotificationPreference,
    NotificationState,
    OutcomeState,
    RunState,
    SkyPortalInstance,
    Spectrum,
    Transient,
)
from triage.review.second_opinion import is_hidden
from triage.services import attempts
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
LOOK_BACK = timedelta(days=3)
# A long name without ASCII letters has a longer address than the column holds; its message links to the queue.
LONGEST_PATH = 500
LONGEST_URL = 500
LONGEST_ERROR = 300
# A single failed sync is no news: servers are away now and then.
FAILURES_IN_A_ROW = 3
# Wishes of a user that switch on a kind of message about transients.
WISHES = ("novelty", "second_opinion", "disputed")


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
    _write_down(kind, wanted.select_related("user"), key, text, transient)
    ring_after_commit(SEND_NOTIFICATIONS)


def latest(user: User) -> QuerySet[Notification]:
    """Return the user's messages, newest first, without those that tell a prediction that is hidden from them now."""
    hidden = Classification.objects.visible_to(user).wanting_vote_of(user).values("transient")
    told = Notification.objects.filter(user=user).select_related("transient")
    return told.exclude(kind=NotificationKind.NOVELTY, transient__in=hidden)


def tell_test(user: User) -> None:
    """Send the user a test message through every channel they chose, at most once a minute."""
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
        for channel, address in ((Channel.EMAIL, preference.email), (Channel.URL, preference.encrypted_url))
        if address
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)


def run(budget_seconds: float) -> int:
    """Derive the messages of all users and send what is due.

    budget_seconds: time after which the rest is left to the next round.

    Returns the number of messages sent.
    """
    deadline = time.monotonic() + budget_seconds
    for preference in NotificationPreference.objects.filter(user__is_active=True).select_related("user"):
        _derive_novelty(preference)
        _derive_rounds(preference)
        _derive_failing_syncs(preference)
    _give_up_interrupted()
    sent = 0
    while time.monotonic() < deadline and (message := _claim()):
        sent += _send(message)
    return sent


def _derive_novelty(preference: NotificationPreference) -> None:
    """Write down one message for each transient that is as novel as the user wants to know, however many spectra."""
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
            f"{transient.name} looks unlike the spectra that the network was trained on (novelty "
            f"{prediction.novelty:.2f}); its likeliest class is {prediction.class_name} ({prediction.probability:.0%})"
        )
        _write_down(NotificationKind.NOVELTY, [preference], f"transient-{transient.pk}", text, transient)


def _derive_rounds(preference: NotificationPreference) -> None:
    """Write down that the user's second opinion is wanted, or that another reviewer disputes the user's vote.

    The messages do not say what was decided or predicted. A user gets one message for each new vote of a round, and
    none for a round that is closed by now.
    """
    if not (preference.email or preference.encrypted_url):
        return
    user = preference.user
    since = max(preference.since, timezone.now() - LOOK_BACK)
    rounds = Classification.objects.visible_to(user).filter(decided_at__gte=since).select_related("transient")
    if preference.second_opinion:
        for row in rounds.wanting_vote_of(user):
            text = f"{row.transient} needs a second opinion, and you may give it"
            _write_down(NotificationKind.SECOND_OPINION, [preference], f"round-{row.decision_id}", text, row.transient)
    if preference.disputed:
        disputed = rounds.filter(state=OutcomeState.DISPUTED, voters=user).exclude(decision__reviewer=user)
        for row in disputed:
            text = f"{row.transient} is disputed: another reviewer's decision differs from yours"
            _write_down(NotificationKind.DISPUTED, [preference], f"dispute-{row.decision_id}", text, row.transient)


def _derive_failing_syncs(preference: NotificationPreference) -> None:
    """Write down one message for each series of failed syncs; the last run that worked identifies the series."""
    if not preference.sync_failing:
        return
    failing = SkyPortalInstance.objects.visible_to(preference.user).filter(enabled=True)
    for instance in failing.filter(failures__gte=FAILURES_IN_A_ROW):
        good = instance.runs.filter(state=RunState.DONE).order_by("-id").first()
        last = instance.runs.filter(state=RunState.FAILED).order_by("-id").first()
        why = f": {last.message}" if last else ""
        text = f"The sync of {instance.name} has failed {instance.failures} times in a row{why}"
        _write_down(NotificationKind.SYNC_FAILING, [preference], f"sync-{instance.pk}-{good.pk if good else 0}", text)


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
            send_email(address, message)
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


def _address(preference: NotificationPreference, channel: str) -> str:
    """Return where the channel leads, or "" if the user has none or it cannot be decrypted."""
    try:
        return preference.email if channel == Channel.EMAIL else preference.url
    except TriageError:
        return ""


def _visible(message: Notification) -> bool:
    if message.transient is None:
        return True
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
