"""The outbox: classifications that are to be posted to a SkyPortal, or withdrawn from it.

Each round first writes down what each server should hold, and then posts and withdraws. Because nothing else is
remembered, a lost message, a killed worker and an undone decision are all put right by the next round.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Case, F, QuerySet, When
from django.utils import timezone

from triage.errors import InvalidActionError, NotFoundError, TriageError
from triage.models import PostKind, PostState, SkyPortalInstance, SkyPortalPost
from triage.services import attempts
from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import NotVisibleError, RefusedError, SkyPortalError, UnauthorisedError
from triage.services.skyportal.lease import Lease, LeaseLostError, unleased
from triage.services.skyportal.posting import CannotPostError, NoNameError, Poster
from triage.services.skyportal.standing import derive

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=30)
UNFINISHED_POSTS = (PostState.WAITING, PostState.WITHDRAWING)


def run(budget_seconds: float) -> int:
    """Update the posts of all enabled connections and carry them out.

    budget_seconds: time after which the rest is left to the next round.

    Returns the number of posts that were posted or withdrawn.
    """
    deadline = time.monotonic() + budget_seconds
    done = 0
    for instance in SkyPortalInstance.objects.filter(enabled=True).select_related("group"):
        try:
            derive(instance)
            if _due(instance).exists():
                done += deliver(instance, deadline)
        except Exception:
            # A fault of one connection must not keep the others from being posted to.
            log.exception("posting to %s broke off", instance)
    return done


def _due(instance: SkyPortalInstance) -> QuerySet[SkyPortalPost]:
    posts = SkyPortalPost.objects.filter(attempts.due(), unleased(), instance=instance, state__in=UNFINISHED_POSTS)
    # A reviewer's decision does not wait behind a night of predictions.
    return posts.order_by(Case(When(kind=PostKind.DECISION, then=0), default=1), "id")


def deliver(instance: SkyPortalInstance, deadline: float) -> int:
    """Carry out the posts of one connection that are due.

    deadline: value of ``time.monotonic()`` after which the rest is left to the next round.

    Returns the number of posts that were posted or withdrawn.
    """
    done = 0
    lease = Lease(SkyPortalPost)
    try:
        with Client(instance.url, instance.token, lease.check) as client:
            poster = Poster(client)
            while time.monotonic() < deadline and (post := _claim(instance, lease)):
                done += _carry_out(poster, post, lease)
    except UnauthorisedError as error:
        log.error("posting to %s stopped until the next round: %s", instance, error.detail)
    except TriageError as error:
        log.error("posting to %s is not possible: %s", instance, error.detail)
    return done


def _claim(instance: SkyPortalInstance, lease: Lease) -> SkyPortalPost | None:
    """Claim the next post that is due; the attempt is counted before it is made."""
    for pk in _due(instance).values_list("pk", flat=True)[: attempts.CANDIDATES]:
        # From now on the server may hold the post, whatever becomes of this process; only a withdrawal rules it out.
        if lease.claim(pk, _due(instance), attempts=F("attempts") + 1, maybe_there=True):
            related = ("instance__group", "decision__reviewer", "prediction__checkpoint")
            return SkyPortalPost.objects.select_related(*related).get(pk=pk)
    return None


def _carry_out(poster: Poster, post: SkyPortalPost, lease: Lease) -> bool:
    """Post or withdraw one post; return whether that worked. Raises UnauthorisedError."""
    try:
        if post.state == PostState.WAITING:
            remote_id = poster.post(post)
            changes = {"state": PostState.POSTED, "remote_id": remote_id, "posted_at": timezone.now()}
        else:
            poster.withdraw(post)
            changes = {"state": PostState.WITHDRAWN, "withdrawn_at": timezone.now(), "maybe_there": False}
    except LeaseLostError:
        return False
    except CannotPostError as error:
        if post.attempts == 1 and post.remote_id is None:
            # Nothing was ever sent, so there is nothing to withdraw later.
            post.maybe_there = False
        if isinstance(error, NoNameError):
            lease.release(state=PostState.NO_NAME, last_error=error.detail, maybe_there=post.maybe_there)
        else:
            _give_up(post, lease, error.detail)
        return False
    except (RefusedError, NotVisibleError) as error:
        _give_up(post, lease, error.detail)
        return False
    except SkyPortalError as error:
        if post.attempts >= MAX_ATTEMPTS:
            _give_up(post, lease, f"{MAX_ATTEMPTS} attempts failed, the last one because: {error.detail}")
        else:
            lease.release(next_attempt_at=attempts.later(FIRST_PAUSE, post.attempts), last_error=error.detail)
        if isinstance(error, UnauthorisedError):
            raise
        return False
    lease.release(**changes, attempts=0, next_attempt_at=None, last_error="")
    return True


def _give_up(post: SkyPortalPost, lease: Lease, detail: str) -> None:
    log.error("%s is not on %s and was given up; “Try again” in the outbox repeats it: %s", post, post.instance, detail)
    lease.release(state=PostState.GIVEN_UP, last_error=detail, maybe_there=post.maybe_there)


def answer(user: User, post_id: int, action: str) -> SkyPortalPost:
    """Carry out what a person wants done with one post.

    action: "approve" or "refuse" a post that waits for a person's yes, or "replay" one that was given up or refused.

    Raises NotFoundError if the user may not see the post, and InvalidActionError if the action does not fit its state.
    """
    fitting = {
        "approve": (PostState.ASKING,),
        "refuse": (PostState.ASKING,),
        "replay": (PostState.GIVEN_UP, PostState.REFUSED, PostState.NO_NAME),
    }
    post: SkyPortalPost | None = SkyPortalPost.objects.visible_to(user).filter(pk=post_id).first()
    if post is None:
        raise NotFoundError("there is no such post in the outbox")
    if action not in fitting:
        raise InvalidActionError("the action is one of: approve, refuse, replay")
    state = PostState.WAITING if post.wanted else PostState.WITHDRAWING
    changed = SkyPortalPost.objects.filter(pk=post_id, state__in=fitting[action]).update(
        state=PostState.REFUSED if action == "refuse" else state,
        attempts=0,
        next_attempt_at=None,
        last_error="",
        answered_by=user,
    )
    if not changed:
        raise InvalidActionError(
            f"nothing was changed: “{action}” does not fit a post in the state “{post.get_state_display()}”"
        )
    post.refresh_from_db()
    return post
