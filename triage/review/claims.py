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

    Returns the claim that stands, which is somebody else's if they were first and the user may know of it.
    """
    now = timezone.now()
    fresh = {"reviewer": user, "since": now, "until": now + LEASE}
    with transaction.atomic():
        # Everybody locks rows in one order, so that two who take over each other's claims do not deadlock.
        # Postgres leaves out a row whose holder changes while this waits for it, if the query joins the holder.
        rows = Claim.objects.filter(Q(reviewer=user) | Q(transient=transient)).order_by("pk")
        locked = list(rows.select_for_update())
        if elsewhere := [row.pk for row in locked if row.transient_id != transient.pk]:
            Claim.objects.filter(pk__in=elsewhere).delete()
        here = next((row for row in locked if row.transient_id == transient.pk), None)
        if here is None:
            made, is_new = Claim.objects.select_related("reviewer").get_or_create(transient=transient, defaults=fresh)
            # Another reviewer may be first after all, and may have left the transient again.
            here = None if is_new else Claim.objects.select_for_update().filter(pk=made.pk).first()
            if here is None:
                return made
        stands = here.until > now
        if here.reviewer_id == user.pk and stands:
            fresh["since"] = here.since
        elif stands and not take_over and (known := _known(user, here)):
            return known
        for name, value in fresh.items():
            setattr(here, name, value)
        here.save(update_fields=fresh)
        return here


def _known(user: User, claim: Claim) -> Claim | None:
    """Return a claim with its reviewer, or None if the user may not know of it."""
    return Claim.objects.filter(pk=claim.pk).visible_to(user).select_related("reviewer").first()


def is_wanted(transient: Transient) -> bool:
    """Return whether a decision is expected of a user: not if it is done, nor if another reviewer is to vote next.

    transient: annotated by ``for_review`` for the user.
    """
    waits_for_another = transient.review_state == "second_opinion" and not transient.hidden
    return transient.review_state != "done" and not waits_for_another


def release(user: User, transient: Transient) -> None:
    """Give up the user's claim on a transient, if there is one."""
    Claim.objects.filter(transient=transient, reviewer=user).delete()


def standing_claim(user: User, transient: Transient) -> Claim | None:
    """Return the claim on a transient that has not lapsed and that the user may know of, or None."""
    return holders(user, [transient.pk]).get(transient.pk)


def holds(user: User, transient: Transient) -> bool:
    """Return whether the user has claimed the transient."""
    return Claim.objects.filter(transient=transient, reviewer=user).live().exists()


def claim_of_another(user: User, transient: Transient) -> Claim | None:
    """Return the claim that stands if it is somebody else's, else None."""
    return of_another(user, standing_claim(user, transient))


def of_another(user: User, claimed: Claim | None) -> Claim | None:
    """Return a claim if it is somebody else's, else None."""
    return None if claimed is None or claimed.reviewer_id == user.pk else claimed


def check(user: User, transient: Transient) -> None:
    """Raise ClaimedError if somebody else has claimed the transient, as far as the user may know."""
    if claimed := claim_of_another(user, transient):
        raise ClaimedError(
            f"{claimed.reviewer.get_username()} has been looking at it since {claimed.since:%H:%M} UTC; "
            "take it over, or leave it to them"
        )


def holders(user: User, transients: list[int]) -> dict[int, Claim]:
    """Return the live claims on some transients that the user may know of, by the transient's id."""
    live = Claim.objects.filter(transient__in=transients).live().visible_to(user).select_related("reviewer")
    return {claim.transient_id: claim for claim in live}
