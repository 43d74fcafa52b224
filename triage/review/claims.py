"""Claims: a reviewer who looks at a transient claims it, so that two people do not do the same work.

A claim lapses after some minutes unless its page renews it. It ends when its holder decides, leaves the page or opens
another transient. Others may look at the transient all the same, and may take the claim over.
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
    """Claim a transient for the user, or renew their claim.

    take_over: whether to take the claim from somebody else.

    Returns the claim that stands, which is somebody else's if they were first.
    """
    now = timezone.now()
    with transaction.atomic():
        # Everybody locks rows in one order, so that two who take over each other's claims do not deadlock.
        mine_and_this = Claim.objects.filter(Q(reviewer=user) | Q(transient=transient)).order_by("pk")
        list(mine_and_this.select_for_update().values_list("pk"))
        Claim.objects.filter(reviewer=user).exclude(transient=transient).delete()
        here = Claim.objects.filter(transient=transient)
        if not here.filter(reviewer=user, until__gt=now).update(until=now + LEASE):
            free = here if take_over else here.filter(Q(until__lte=now) | Q(reviewer=user))
            free.update(reviewer=user, since=now, until=now + LEASE)
        fresh = {"reviewer": user, "since": now, "until": now + LEASE}
        # The row is not read again, because its holder may give it up a moment later.
        found: Claim = Claim.objects.select_related("reviewer").get_or_create(transient=transient, defaults=fresh)[0]
        return found


def release(user: User, transient: Transient) -> None:
    """Give up the user's claim on a transient, if there is one."""
    Claim.objects.filter(transient=transient, reviewer=user).delete()


def standing_claim(transient: Transient) -> Claim | None:
    """Return anybody's claim on a transient that has not lapsed, or None."""
    live: Claim | None = Claim.objects.filter(transient=transient).live().select_related("reviewer").first()
    return live


def check(user: User, transient: Transient) -> None:
    """Raise ClaimedError if somebody else has claimed the transient."""
    claimed = standing_claim(transient)
    if claimed is not None and claimed.reviewer_id != user.pk:
        raise ClaimedError(
            f"{claimed.reviewer.get_username()} has been looking at it since {claimed.since:%H:%M} UTC; "
            "take it over, or leave it to them"
        )


def holders(transients: list[int]) -> dict[int, Claim]:
    """Return the live claims on some transients, by the transient's id."""
    live = Claim.objects.filter(transient__in=transients).live().select_related("reviewer")
    return {claim.transient_id: claim for claim in live}
