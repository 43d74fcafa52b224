"""Claims: who is looking at a transient, so that two people do not do the same work.

A claim lapses after some minutes unless its page renews it; it ends with the decision, with leaving, or with looking at
another transient. Anybody may still look, and take it over.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from triage.errors import ClaimedError
from triage.models import Claim, Transient

LEASE = timedelta(minutes=3)


def claim(user: User, transient: Transient, *, take_over: bool = False) -> Claim:
    """Claim it, or renew one's claim; returns the claim that stands, which is another's where they were first."""
    now = timezone.now()
    with transaction.atomic():
        # In one order for everybody: of two who take each other's over, one waits for the other.
        mine_and_this = Claim.objects.filter(Q(reviewer=user) | Q(transient=transient)).order_by("pk")
        list(mine_and_this.select_for_update().values_list("pk"))
        Claim.objects.filter(reviewer=user).exclude(transient=transient).delete()
        here = Claim.objects.filter(transient=transient)
        if not here.filter(reviewer=user, until__gt=now).update(until=now + LEASE):
            free = here if take_over else here.filter(Q(until__lte=now) | Q(reviewer=user))
            free.update(reviewer=user, since=now, until=now + LEASE)
        fresh = {"reviewer": user, "since": now, "until": now + LEASE}
        # What it finds is not read again: another's may be given up the moment after.
        found: Claim = Claim.objects.select_related("reviewer").get_or_create(transient=transient, defaults=fresh)[0]
        return found


def release(user: User, transient: Transient) -> None:
    """Give one's claim up; none of others'."""
    Claim.objects.filter(transient=transient, reviewer=user).delete()


def standing_claim(transient: Transient) -> Claim | None:
    """The claim on it that has not lapsed, whoever's."""
    found: Claim | None = Claim.objects.filter(transient=transient).live().select_related("reviewer").first()
    return found


def check(user: User, transient: Transient) -> None:
    """Raises ClaimedError where somebody else holds it."""
    found = standing_claim(transient)
    if found is not None and found.reviewer_id != user.pk:
        raise ClaimedError(
            f"{found.reviewer.get_username()} has been looking at it since {found.since:%H:%M} UTC; "
            "take it over, or leave it to them"
        )


def holders(transients: list[int]) -> dict[int, Claim]:
    """Live claims on some transients, by id of the transient."""
    found = Claim.objects.filter(transient__in=transients).live().select_related("reviewer")
    return {claim.transient_id: claim for claim in found}
