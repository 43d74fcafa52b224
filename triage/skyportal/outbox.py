"""The outbox: what each server is to hold follows from the records, is written down, and then carried out.

What is wanted is derived anew each time from the decisions and predictions that stand, so that nothing has to be
remembered when one of them changes: a lost message, a killed worker or an undo all come right at the next round.
"""

from __future__ import annotations

import logging
import secrets
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.utils import timezone

from triage.errors import InvalidActionError, NotFoundError, TriageError
from triage.models import (
    Classification,
    Policy,
    PostKind,
    PostState,
    RemoteSpectrum,
    SkyPortalInstance,
    SkyPortalPost,
    Spectrum,
)
from triage.skyportal.client import Client
from triage.skyportal.errors import NotVisibleError, RefusedError, SkyPortalError, UnauthorisedError
from triage.skyportal.posting import CannotPostError, Poster

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
BACKOFF = timedelta(seconds=30)
OPEN = (PostState.WAITING, PostState.WITHDRAWING)


class PostTakenError(Exception):
    """Another process has taken the post over."""


def run(budget_seconds: float) -> int:
    """Derive and deliver for all servers; returns how many posts were carried out."""
    deadline = time.monotonic() + budget_seconds
    done = 0
    for instance in SkyPortalInstance.objects.filter(enabled=True).select_related("group"):
        derive(instance)
        if _open(instance).exists():
            done += deliver(instance, deadline)
    return done


def derive(instance: SkyPortalInstance) -> None:
    """Write down what the server is to hold, and mark what it is to hold no more."""
    if instance.decisions != Policy.NEVER:
        _add_decisions(instance)
    if instance.predictions != Policy.NEVER:
        _add_predictions(instance)
    stands = Classification.objects.filter(decision=OuterRef("decision"), vetted=True)
    current = Spectrum.objects.filter(current_prediction=OuterRef("prediction"), rejected=False)
    holds = (Q(kind=PostKind.DECISION) & Exists(stands)) | (~Q(kind=PostKind.DECISION) & Exists(current))
    # One that is being carried out right now is looked at in the next round.
    posts = _idle(SkyPortalPost.objects.filter(instance=instance))
    _unwant(posts.filter(wanted=True).exclude(holds))
    _want(instance, posts.filter(holds, wanted=False))


def _add_decisions(instance: SkyPortalInstance) -> None:
    mine = SkyPortalPost.objects.filter(instance=instance, decision=OuterRef("decision"))
    rows = Classification.objects.filter(
        ~Exists(mine), group=instance.group, vetted=True, transient__spectra__skyportal__instance=instance
    )
    if instance.posting_since is not None:
        rows = rows.filter(decided_at__gte=instance.posting_since)
    for row in rows.select_related("decision").distinct():
        remote = RemoteSpectrum.objects.filter(instance=instance, spectrum__transient=row.transient_id).first()
        if remote is not None:
            SkyPortalPost.objects.get_or_create(
                instance=instance,
                kind=PostKind.DECISION,
                decision=row.decision,
                defaults={"remote_name": remote.remote_name, "state": _first_state(instance.decisions)},
            )


def _add_predictions(instance: SkyPortalInstance) -> None:
    mine = SkyPortalPost.objects.filter(instance=instance, prediction=OuterRef("spectrum__current_prediction"))
    rows = RemoteSpectrum.objects.filter(
        ~Exists(mine),
        instance=instance,
        spectrum__group=instance.group,
        spectrum__rejected=False,
        spectrum__current_prediction__isnull=False,
    )
    if instance.posting_since is not None:
        rows = rows.filter(spectrum__current_prediction__created_at__gte=instance.posting_since)
    for row in rows.select_related("spectrum__current_prediction"):
        if row.spectrum is None:
            continue
        for kind in (PostKind.PREDICTION, PostKind.ANNOTATION):
            SkyPortalPost.objects.get_or_create(
                instance=instance,
                kind=kind,
                prediction=row.spectrum.current_prediction,
                defaults={
                    "remote_name": row.remote_name,
                    "remote_spectrum": row.remote_id,
                    "state": _first_state(instance.predictions),
                },
            )


def _first_state(policy: str) -> PostState:
    return PostState.WAITING if policy == Policy.ALWAYS else PostState.ASKING


def _unwant(posts: QuerySet[SkyPortalPost]) -> None:
    """What surely was never sent is simply dropped; all else is looked for on the server and taken back."""
    ids = list(posts.values_list("pk", flat=True))
    rows = _idle(SkyPortalPost.objects.filter(pk__in=ids))
    rows.filter(maybe_there=False).update(state=PostState.WITHDRAWN, wanted=False, withdrawn_at=timezone.now())
    rows.filter(wanted=True).update(
        state=PostState.WITHDRAWING, wanted=False, attempts=0, next_attempt_at=None, last_error=""
    )


def _want(instance: SkyPortalInstance, posts: QuerySet[SkyPortalPost]) -> None:
    """A decision that stands again. One not yet withdrawn is still there; the next look finds it."""
    ids = list(posts.values_list("pk", flat=True))
    rows = _idle(SkyPortalPost.objects.filter(pk__in=ids))
    fresh = {"wanted": True, "attempts": 0, "next_attempt_at": None, "last_error": "", "withdrawn_at": None}
    rows.exclude(state=PostState.WITHDRAWN).update(**fresh, state=PostState.WAITING)
    gone = rows.filter(state=PostState.WITHDRAWN)
    for kinds, policy in (
        ((PostKind.DECISION,), instance.decisions),
        ((PostKind.PREDICTION, PostKind.ANNOTATION), instance.predictions),
    ):
        if policy != Policy.NEVER:
            gone.filter(kind__in=kinds).update(**fresh, state=_first_state(policy), remote_id=None)


def _idle(posts: QuerySet[SkyPortalPost]) -> QuerySet[SkyPortalPost]:
    return posts.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now()))


def _open(instance: SkyPortalInstance) -> QuerySet[SkyPortalPost]:
    now = timezone.now()
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    posts: QuerySet[SkyPortalPost] = SkyPortalPost.objects.filter(due, instance=instance, state__in=OPEN)
    # A reviewer's word does not wait behind a night of predictions.
    return _idle(posts).order_by(Case(When(kind=PostKind.DECISION, then=0), default=1), "id")


def deliver(instance: SkyPortalInstance, deadline: float) -> int:
    """Carry out what is open for one server, one after the other; returns how many worked."""
    done = 0
    keeper = _Keeper()
    try:
        with Client(instance.url, instance.token, keeper) as client:
            poster = Poster(client)
            while time.monotonic() < deadline and (post := _claim(instance)):
                keeper.post = post
                done += _carry_out(poster, post)
    except UnauthorisedError as error:
        log.error("posting to %s stopped: %s", instance, error.detail)
    except TriageError as error:
        log.error("posting to %s is not possible: %s", instance, error.detail)
    return done


class _Keeper:
    """Renews the lease of the post in hand before each request."""

    post: SkyPortalPost | None = None

    def __call__(self) -> None:
        if self.post is None:
            return
        mine = SkyPortalPost.objects.filter(pk=self.post.pk, lease_token=self.post.lease_token)
        if not mine.update(lease_until=_lease_end()):
            raise PostTakenError


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.SKYPORTAL_LEASE_SECONDS)


def _claim(instance: SkyPortalInstance) -> SkyPortalPost | None:
    """The next post, now ours; the attempt is counted before it is made."""
    token = secrets.token_hex(16)
    # It may be there from now on; a withdrawal alone makes sure that it is not.
    for pk in _open(instance).values_list("pk", flat=True)[:20]:
        ours = {"lease_token": token, "lease_until": _lease_end(), "attempts": F("attempts") + 1, "maybe_there": True}
        if _open(instance).filter(pk=pk).update(**ours):
            related = ("instance", "decision__reviewer", "prediction__checkpoint")
            claimed: SkyPortalPost = SkyPortalPost.objects.select_related(*related).get(pk=pk)
            return claimed
    return None


def _carry_out(poster: Poster, post: SkyPortalPost) -> bool:
    try:
        if post.state == PostState.WAITING:
            remote_id = poster.post(post)
            _settle(post, state=PostState.POSTED, remote_id=remote_id, posted_at=timezone.now())
        else:
            poster.withdraw(post)
            _settle(post, state=PostState.WITHDRAWN, withdrawn_at=timezone.now(), maybe_there=False)
    except PostTakenError:
        return False
    except (CannotPostError, RefusedError, NotVisibleError) as error:
        _give_up(post, error.detail)
        return False
    except SkyPortalError as error:
        if post.attempts >= MAX_ATTEMPTS:
            _give_up(post, f"{MAX_ATTEMPTS} attempts, at last: {error.detail}")
        else:
            _release(post, next_attempt_at=timezone.now() + BACKOFF * 2**post.attempts, last_error=error.detail)
        if isinstance(error, UnauthorisedError):
            raise
        return False
    return True


def _settle(post: SkyPortalPost, **changes: object) -> None:
    _release(post, **changes, attempts=0, next_attempt_at=None, last_error="")


def _give_up(post: SkyPortalPost, detail: str) -> None:
    log.error("%s is not on %s: %s", post, post.instance, detail)
    _release(post, state=PostState.GIVEN_UP, last_error=detail)


def _release(post: SkyPortalPost, **changes: object) -> None:
    mine = SkyPortalPost.objects.filter(pk=post.pk, lease_token=post.lease_token)
    mine.update(**changes, lease_token="", lease_until=None)


def answer(user: User, post_id: int, action: str) -> SkyPortalPost:
    """A person's word on a post: "approve" or "refuse" one that asks, "replay" one given up or refused.

    Raises NotFoundError and InvalidActionError."""
    fitting = {
        "approve": (PostState.ASKING,),
        "refuse": (PostState.ASKING,),
        "replay": (PostState.GIVEN_UP, PostState.REFUSED),
    }
    post: SkyPortalPost | None = SkyPortalPost.objects.visible_to(user).filter(pk=post_id).first()
    if post is None:
        raise NotFoundError("there is no such post")
    if action not in fitting:
        raise InvalidActionError("approve, refuse or replay")
    state = PostState.WAITING if post.wanted else PostState.WITHDRAWING
    changed = SkyPortalPost.objects.filter(pk=post_id, state__in=fitting[action]).update(
        state=PostState.REFUSED if action == "refuse" else state,
        attempts=0,
        next_attempt_at=None,
        last_error="",
        answered_by=user,
    )
    if not changed:
        raise InvalidActionError(f"this post is in the state “{post.get_state_display()}”")
    post.refresh_from_db()
    return post
