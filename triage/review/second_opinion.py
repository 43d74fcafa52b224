"""Second opinions: the policies that ask for them, and what is hidden from a reviewer until their vote is in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User

from classifier.taxonomy import load_taxonomy
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import Prediction, ReviewPolicy, Transient, Verdict
from triage.models.blind_sample import owes_blind_vote
from triage.models.decision import VETTING
from triage.review.outcome import Outcome


def needs_second(group: Group | None, verdict: str, class_name: str, prediction: Prediction | None) -> bool:
    """Return whether an audience's policy asks for a second reviewer's vote.

    group: the audience; None for everybody who is signed in.
    verdict: value of ``Verdict``; only votes for a class can need a second one.
    class_name: class that the vote names.
    prediction: prediction that the vote rests on, or None.
    """
    policy = ReviewPolicy.objects.filter(group=group).first()
    if policy is None or verdict not in VETTING:
        return False
    predicted = prediction.class_name if prediction else ""
    if class_name in policy.class_names or predicted in policy.class_names:
        return True
    if policy.below is None:
        return False
    return prediction is None or prediction.probability < policy.below


def is_hidden(user: User, transient: Transient) -> bool:
    """Return whether prediction and first vote are hidden from the user, because their blind vote is wanted."""
    return Transient.objects.filter(owes_blind_vote(user, "pk"), pk=transient.pk).exists()


def settles(user: User, verdict: str, before: Outcome | None) -> bool:
    """Return whether the user's vote ends a dispute: a third person's does, and that of staff.

    verdict: value of ``Verdict``.
    before: outcome before the vote, or None.
    """
    if before is None or before.state != "disputed" or verdict == Verdict.UNSURE:
        return False
    return user.is_staff or user.pk not in before.voters


def may_change(user: User, group: Group | None) -> bool:
    """Return whether the user may change the policy of an audience.

    Staff may change the policy of public spectra (group None). A group's policy may be changed by its members who are
    staff or have the permission ``triage.change_reviewpolicy``.
    """
    if group is None:
        return user.is_staff
    member = user.groups.filter(pk=group.pk).exists()
    return member and (user.is_staff or user.has_perm("triage.change_reviewpolicy"))


def policies(user: User) -> list[dict[str, Any]]:
    """Return the policy of each audience that the user belongs to, that of public spectra first.

    Each row has group (None for public spectra), policy (None if there is none), percent (its bound on the probability
    as a form shows it, or "") and editable (whether the user may change it).
    """
    groups: list[Group | None] = [None, *user.groups.order_by("name")]
    rows = {policy.group_id: policy for policy in ReviewPolicy.objects.all()}
    trusted = user.is_staff or user.has_perm("triage.change_reviewpolicy")
    return [
        {
            "group": group,
            "policy": policy,
            "percent": f"{100 * policy.below:g}" if policy and policy.below is not None else "",
            "editable": user.is_staff if group is None else trusted,
        }
        for group in groups
        for policy in [rows.get(group.pk if group else None)]
    ]


def change_policy(user: User, group_name: str, class_names: list[str], below: float | None) -> ReviewPolicy | None:
    """Set the policy of an audience from now on, and return it, or None if nothing needs a second opinion any more.

    group_name: name of a group of the user's, or "" for public spectra.
    class_names: decisions for these classes, or on predictions of them, need a second opinion.
    below: decisions on predictions with a smaller probability (0..1) need one; None for no bound.

    Raises NotFoundError for a group that is not the user's, NotYoursError if they may not change it, and
    InvalidActionError for an unknown class or an impossible bound.
    """
    group = user.groups.filter(name=group_name).first() if group_name else None
    if group_name and group is None:
        raise NotFoundError("there is no such group")
    if not may_change(user, group):
        raise NotYoursError("only staff, or members whom they trust with it, may change a policy")
    known = {entry.name for entry in load_taxonomy().classes}
    if unknown := sorted(set(class_names) - known):
        raise InvalidActionError(f"not in the taxonomy: {', '.join(unknown)}")
    if below is not None and not 0 < below <= 1:
        raise InvalidActionError("a probability lies above 0 and not above 1")
    rows = ReviewPolicy.objects.filter(group=group)
    if not class_names and below is None:
        rows.delete()
        return None
    values = {"class_names": sorted(set(class_names)), "below": below}
    policy, _ = ReviewPolicy.objects.update_or_create(group=group, defaults=values)
    return policy
