"""API tokens of a user: make and revoke."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from triage.accounts import audit
from triage.errors import InvalidActionError, NotFoundError, WiderTokenError
from triage.models import ApiToken, Scope

# Life of a token if nobody states another.
USUAL_LIFE = timedelta(days=365)


def not_revoked(user: User) -> QuerySet[ApiToken]:
    """Return the user's tokens that were not revoked, newest first."""
    return ApiToken.objects.filter(user=user, revoked_at__isnull=True).order_by("-id")


def usual_end(by: ApiToken | None) -> datetime:
    """Return when a token ends if nobody states a time: after a year, or with the token that asks for it.

    by: token that asks, or None if a person does.
    """
    end = timezone.now() + USUAL_LIFE
    return end if by is None or by.expires_at is None else min(end, by.expires_at)


def make(
    user: User, label: str, scopes: Collection[Scope], expires_at: datetime | None, by: ApiToken | None = None
) -> tuple[ApiToken, str]:
    """Make a token.

    user: whose token it is.
    label: what it is for.
    scopes: what it may do beside reading.
    expires_at: when it ends; None if it never ends.
    by: token that asks for it, or None if a person does. It can hand on no more than it has.

    Returns the token and its key, which is stored nowhere.
    Raises InvalidActionError if it would end in the past, and WiderTokenError if it would do more or live longer than
    the token that asks.
    """
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidActionError("a token must end in the future; that time has passed")
    with transaction.atomic():
        if by is not None:
            # A token that is revoked at this moment makes no other.
            if not not_revoked(user).select_for_update().filter(pk=by.pk).exists():
                raise WiderTokenError("the token that you ask with was revoked")
            _check_not_wider(by, scopes, expires_at)
        token, key = ApiToken.issue(user, label, scopes, expires_at, by)
        audit.note(user, token, "made the token")
    return token, key


def revoke(user: User, token_id: int, by: ApiToken | None = None) -> None:
    """Revoke a token and every token that was made with it. They are refused from the next request on.

    user: whose token it is.
    by: token that asks, or None if a person does. It may revoke itself and the tokens that were made with it.

    Raises NotFoundError if the user has no such token, and WiderTokenError if the token that asks may not revoke it.
    """
    token = not_revoked(user).filter(pk=token_id).first()
    if token is None:
        raise NotFoundError("you have no such token")
    if by is not None and token not in _with_descendants(by):
        raise WiderTokenError("a token can revoke only itself and the tokens that were made with it")
    with transaction.atomic():
        family = [token]
        while family:
            # Each is revoked before its children are looked for, so that none is made meanwhile.
            for member in family:
                if not_revoked(user).filter(pk=member.pk).update(revoked_at=timezone.now()):
                    audit.note(user, member, "revoked the token")
            family = list(ApiToken.objects.filter(made_by__in=family))


def _with_descendants(token: ApiToken) -> list[ApiToken]:
    """Return the token, the tokens that were made with it, the ones made with those, and so on."""
    family = newest = [token]
    while newest := list(ApiToken.objects.filter(made_by__in=newest)):
        family = [*family, *newest]
    return family


def _check_not_wider(by: ApiToken, scopes: Collection[Scope], expires_at: datetime | None) -> None:
    if lacking := [scope for scope in scopes if not by.allows(scope)]:
        raise WiderTokenError(f"the token that you ask with does not have the scope “{lacking[0]}” itself")
    if by.expires_at is not None and (expires_at is None or expires_at > by.expires_at):
        raise WiderTokenError(
            f"the new token must end by {by.expires_at:%Y-%m-%dT%H:%M:%SZ}, when the token that you ask with ends"
        )
