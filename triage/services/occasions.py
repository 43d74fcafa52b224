"""Occasions of notifications: what is new since a user asked to be told, written down as messages to send."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import User
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from triage.export.night import Night
from triage.models import (
    AutomaticRun,
    Channel,
    Classification,
    Comment,
    Decision,
    Notification,
    NotificationKind,
    NotificationPreference,
    RunState,
    SkyPortalInstance,
    Spectrum,
    Transient,
)
from triage.models.blind_sample import owes_blind_vote
from triage.review.automatic import may_change
from triage.review.second_opinion import is_hidden

LOOK_BACK = timedelta(days=3)
# A long name without ASCII letters has a longer address than the column holds; its message links to the queue.
LONGEST_PATH = 500
# A single failed sync is no news: servers are away now and then.
FAILURES_IN_A_ROW = 3


def visible_to(user: User) -> Q:
    """Return the condition that a message of the user's is about something that they may see now.

    The key of a message about a transient names the spectrum, comment or decision that it tells of.
    """
    known = Transient.objects.visible_to(user).filter(pk=OuterRef("transient"))
    votes = Decision.objects.visible_to(user)
    novelty = _names(Spectrum.objects.visible_to(user), "spectrum-") & ~owes_blind_vote(user)
    return Q(transient__isnull=True) | Q(Exists(known)) & (
        Q(novelty, kind=NotificationKind.NOVELTY)
        | Q(_names(Comment.objects.mentioning(user)), kind=NotificationKind.MENTION)
        | Q(_names(votes, "round-"), kind=NotificationKind.SECOND_OPINION)
        | Q(_names(votes, "dispute-"), kind=NotificationKind.DISPUTED)
    )


def _names(rows: QuerySet[Any], prefix: str = "") -> Q:
    """Return the condition that the key of a message names one of the rows, after a prefix."""
    named = rows.annotate(named=Concat(Value(prefix), Cast("pk", CharField())))
    # The filter by transient leaves few rows to make keys of.
    return Q(Exists(named.filter(transient=OuterRef("transient"), named=OuterRef("key"))))


def write_down_all(preference: NotificationPreference) -> None:
    """Write down every message that a user wants and has not got yet, if there is an address to send it to."""
    if not (preference.email or preference.encrypted_url):
        return
    _derive_novelty(preference)
    _derive_rounds(preference)
    _derive_mentions(preference)
    _derive_failing_syncs(preference)
    _derive_policies_off(preference)
    _derive_digest(preference)


def write_down(
    kind: NotificationKind,
    preferences: Iterable[NotificationPreference],
    key: str,
    text: str,
    transient: Transient | None = None,
    path: str = "/skyportal/",
) -> None:
    """Write down a message that was not written yet, once for each channel of each user.

    path: page that it links to, unless it is about a transient or is a test.
    """
    if transient:
        path = f"/transients/{quote(transient.name, safe='')}/"
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


def _since(preference: NotificationPreference) -> datetime:
    """Return the moment since which a user is told of events: when they asked, but not long ago."""
    return max(preference.since, timezone.now() - LOOK_BACK)


def _derive_novelty(preference: NotificationPreference) -> None:
    """Write down one message for each transient that is as novel as the user wants to know.

    It is about the first spectrum that is. A user who may not see that one any more is not told of it.
    """
    if preference.novelty is None:
        return
    since = _since(preference)
    spectra = Spectrum.objects.visible_to(preference.user).filter(
        rejected=False,
        transient__isnull=False,
        current_prediction__novelty__gte=preference.novelty,
        current_prediction__created_at__gte=since,
    )
    told = Notification.objects.filter(user=preference.user, kind=NotificationKind.NOVELTY).values("transient")
    newest_first = spectra.exclude(transient__in=told).select_related("transient", "current_prediction").order_by("-id")
    first_of_each = {spectrum.transient: spectrum for spectrum in newest_first}
    for transient, spectrum in reversed(first_of_each.items()):
        prediction = spectrum.current_prediction
        if transient is None or prediction is None or is_hidden(preference.user, transient):
            continue
        text = (
            f"{transient.name} looks unlike the spectra that the network was trained on (novelty "
            f"{prediction.novelty:.2f}); its likeliest class is {prediction.class_name} ({prediction.probability:.0%})"
        )
        write_down(NotificationKind.NOVELTY, [preference], f"spectrum-{spectrum.pk}", text, transient)


def _derive_rounds(preference: NotificationPreference) -> None:
    """Write down that the user's second opinion is wanted, or that another reviewer disputes the user's vote.

    The messages do not say what was decided or predicted. A user gets one message for each new vote of a round, and
    none for a round that is closed by now.
    """
    user = preference.user
    since = _since(preference)
    rounds = Classification.objects.visible_to(user).filter(decided_at__gte=since).select_related("transient")
    if preference.second_opinion:
        for row in rounds.wanting_vote_of(user):
            text = f"{row.transient} needs a second opinion, and you may give it"
            write_down(NotificationKind.SECOND_OPINION, [preference], f"round-{row.decision_id}", text, row.transient)
    if preference.disputed:
        for row in rounds.disputing(user):
            text = f"{row.transient} is disputed: another reviewer's decision differs from yours"
            write_down(NotificationKind.DISPUTED, [preference], f"dispute-{row.decision_id}", text, row.transient)


def _derive_mentions(preference: NotificationPreference) -> None:
    """Write down one message for each comment that mentions the user. It leaves the comment's text on the desk."""
    if not preference.mention:
        return
    since = _since(preference)
    comments = Comment.objects.mentioning(preference.user).filter(created_at__gte=since)
    for comment in comments.select_related("author", "transient"):
        text = f"{comment.author.get_username()} mentions you in a comment on {comment.transient}"
        write_down(NotificationKind.MENTION, [preference], str(comment.pk), text, comment.transient)


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
        write_down(NotificationKind.SYNC_FAILING, [preference], f"sync-{instance.pk}-{good.pk if good else 0}", text)


def _derive_policies_off(preference: NotificationPreference) -> None:
    """Write down one message for each automatic policy that the user keeps and that switched itself off."""
    if not preference.policy_off:
        return
    since = _since(preference)
    ended = AutomaticRun.objects.visible_to(preference.user).filter(ended_at__gte=since, ended_by__isnull=True)
    for run in ended.select_related("group"):
        if may_change(preference.user, run.group):
            text = f"The automatic policy of {run.group or 'public spectra'} has switched itself off. {run.reason}"
            write_down(NotificationKind.POLICY_OFF, [preference], f"run-{run.pk}", text, path="/policies/automatic/")


def _derive_digest(preference: NotificationPreference) -> None:
    """Write down that the last night is over, once. An e-mail holds the digest itself, other channels its address."""
    night = Night.last_ended()
    if not preference.digest or night.end < preference.since:
        return
    key = str(night)
    if Notification.objects.filter(user=preference.user, kind=NotificationKind.DIGEST, key=key).exists():
        return
    text = f"The digest of the night of {night} is ready"
    write_down(NotificationKind.DIGEST, [preference], key, text, path=f"/night/digest/?date={night}")
