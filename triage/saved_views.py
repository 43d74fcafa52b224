"""Queues that a user has given a name."""

from __future__ import annotations

from django.contrib.auth.models import User

from triage.errors import InvalidActionError
from triage.filters import QueueFilter
from triage.models import SavedView

MOST = 20
LONGEST_NAME = 60
LONGEST_QUERY = 800


def save(user: User, name: str, chosen: QueueFilter) -> SavedView:
    """Keep a filter under a name; the same name again changes what it means. Raises InvalidActionError."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidActionError(f"a view has a name of at most {LONGEST_NAME} characters")
    if len(chosen.query) > LONGEST_QUERY:
        raise InvalidActionError("that filter is too long to be kept")
    others = SavedView.objects.filter(user=user).exclude(name=name)
    if others.count() >= MOST:
        raise InvalidActionError(f"one user may have {MOST} views; forget one first")
    return SavedView.objects.update_or_create(user=user, name=name, defaults={"query": chosen.query})[0]


def forget(user: User, name: str) -> None:
    """One that is not there is forgotten already."""
    # Postgres refuses to look for a NUL.
    SavedView.objects.filter(user=user, name=name.replace("\0", "")).delete()
