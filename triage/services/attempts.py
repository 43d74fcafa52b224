"""Work that is tried until it succeeds: one worker claims a row, and a failed attempt is repeated after a longer pause.

A row has ``state``, ``attempts`` and ``next_attempt_at``. A claim counts the attempt before it is made and moves
``next_attempt_at`` beyond its end. So a row whose worker dies becomes due again by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

Row = TypeVar("Row", bound=models.Model)

# A worker that lost this many races leaves the rest to the quicker ones until its next round.
CANDIDATES = 20
MOST_DOUBLINGS = 10
# Seconds; a receiver that takes longer to answer is left alone for a while, like one that does not answer.
SLOW_ANSWER = 3.0


def due() -> Q:
    """Return the condition that a row may be attempted now."""
    return Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=timezone.now())


def claim_first(waiting: models.QuerySet[Row], lease: timedelta, **changes: object) -> Row | None:
    """Claim the oldest row that is due, so that no other worker gets it.

    waiting: rows that wait for an attempt.
    lease: time after which the row is due again; longer than any attempt takes.
    changes: further columns to set with the claim.

    Returns the row as it is after the claim, or None if nothing is due.
    """
    model = waiting.model
    columns = ("pk", "state", "attempts", "next_attempt_at")
    for candidate in waiting.filter(due()).order_by("id").values(*columns)[:CANDIDATES]:
        # Another worker may have been quicker: the update changes only a row that is still as it was read.
        unchanged = model._default_manager.filter(**candidate)
        claim = {"next_attempt_at": timezone.now() + lease, "attempts": F("attempts") + 1, **changes}
        if unchanged.update(**claim):
            return model._default_manager.get(pk=candidate["pk"])
    return None


def later(first_pause: timedelta, attempts: int, longest_pause: timedelta = timedelta(days=1)) -> datetime:
    """Return the moment of the next attempt: the pause doubles with each attempt that was made.

    first_pause: pause that is doubled.
    attempts: number of attempts made so far.
    longest_pause: bound of the pause.
    """
    doublings = min(attempts, MOST_DOUBLINGS)
    return timezone.now() + min(first_pause * (1 << doublings), longest_pause)
