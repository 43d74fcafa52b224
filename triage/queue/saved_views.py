"""Saved views: filters of the queue that a user has given a name."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from triage.errors import InvalidActionError
from triage.models import SavedView
from triage.queue.filters import QueueFilter

MOST = 20
LONGEST_NAME = 60
LONGEST_QUERY = 800


def save(user: User, name: str, chosen: QueueFilter) -> SavedView:
    """Save a filter under a name and return the view. A view that has the name already is changed.

    Raises InvalidActionError if the name or the filter is too long, or the user has too many views.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidActionError(f"the view needs a name of at most {LONGEST_NAME} characters")
    if len(chosen.query) > LONGEST_QUERY:
        raise InvalidActionError("this filter is too long to save; use shorter texts")
    with transaction.atomic():
        # The user's requests come one after the other, so that no two of them see the same number.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        others = SavedView.objects.filter(user=user).exclude(name=name)
        if others.count() >= MOST:
            raise InvalidActionError(f"you have {MOST} views already; remove one first")
        return SavedView.objects.update_or_create(user=user, name=name, defaults={"query": chosen.query})[0]


def forget(user: User, name: str) -> None:
    """Remove a user's view, if there is one of that name."""
    # Postgres refuses to search for a NUL.
    SavedView.objects.filter(user=user, name=name.replace("\0", "")).delete()
