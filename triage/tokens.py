"""API tokens of one's own: make and revoke."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from triage import audit
from triage.errors import InvalidActionError, NotFoundError, WiderTokenError
from triage.models import ApiToken, Scope

# How long one lives for which nothing else is said.
USUAL_LIFE = timedelta(days=365)


def standing(user: User) -> QuerySet[ApiToken]:
    """Those that were not revoked, newest first."""
    return ApiToken.objects.filter(user=user, revoked_at__isnull=True).order_by("-id")


def usual_end(by: ApiToken | None) -> datetime:
    """When a token ends that is asked for without saying: after a year, or with the token that asks."""
    end = timezone.now() + USUAL_LIFE
    return end if by is None or by.expires_at is None else min(end, by.expires_at)


def make(
    user: User, label: str, scopes: Collection[Scope], expires_at: datetime | None, by: ApiToken | None = None
) -> tuple[ApiToken, str]:
    """A new token and its key, which is shown this once. by: the token that asks for it, which can hand on no more than
    it has. Raises InvalidActionError and WiderTokenError."""
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidActionError("that time has passed already")
    if by is not None:
        _check_not_wider(by, scopes, expires_at)
    token, key = ApiToken.issue(user, label, scopes, expires_at, by)
    audit.note(user, token, "made the token")
    return token, key


def revoke(user: User, token_id: int, by: ApiToken | None = None) -> None:
    """From the next request on it is refused, and so is each token that was made with it. by: the token that asks,
    which revokes itself and what was made with it.

    Raises NotFoundError where there is none of the user's, WiderTokenError."""
    token = standing(user).filter(pk=token_id).first()
    if token is None:
        raise NotFoundError("there is no such token of yours")
    if by is not None and token not in _with_made(by):
        raise WiderTokenError("a token revokes itself and those that were made with it")
    for one in _with_made(token):
        if standing(user).filter(pk=one.pk).update(revoked_at=timezone.now()):
            audit.note(user, one, "revoked the token")


def _with_made(token: ApiToken) -> list[ApiToken]:
    """It, and the tokens that were made with it, with those, and so on."""
    found = newest = [token]
    while newest := list(ApiToken.objects.filter(made_by__in=newest)):
        found = [*found, *newest]
    return found


def _check_not_wider(by: ApiToken, scopes: Collection[Scope], expires_at: datetime | None) -> None:
    if lacking := [scope for scope in scopes if not by.allows(scope)]:
        raise WiderTokenError(f"the token you ask with has not the scope “{lacking[0]}” itself")
    if by.expires_at is not None and (expires_at is None or expires_at > by.expires_at):
        raise WiderTokenError(f"the token you ask with ends at {by.expires_at:%Y-%m-%dT%H:%M:%SZ}, and so must this")
