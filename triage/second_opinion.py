"""Which decisions need two reviewers, and from whom prediction and first vote are hidden until theirs is in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User

from classifier.taxonomy import load_taxonomy
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import Classification, Prediction, ReviewPolicy, Transient, Verdict
from triage.models.decision import VETTING
from triage.standing import Outcome


def needs_second(group: Group | None, verdict: str, class_name: str, prediction: Prediction | None) -> bool:
    """Whether the audience's policy wants another reviewer's word for this vote. Only votes for a class do."""
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
    """Whether the prediction and the first vote are hidden from the user: a second opinion is wanted, not yet given."""
    rows = Classification.objects.filter(transient=transient).visible_to(user)
    found: bool = rows.wanting_vote_of(user).exists()
    return found


def settles(user: User, verdict: str, before: Outcome | None) -> bool:
    """Whether the user's word ends a dispute: that of a third person, or of staff."""
    if before is None or before.state != "disputed" or verdict == Verdict.UNSURE:
        return False
    return user.is_staff or user.pk not in before.voters


def may_change(user: User, group: Group | None) -> bool:
    """Staff change everybody's policy and, as members, their groups'; a group's members with the permission theirs."""
    if group is None:
        return user.is_staff
    member = user.groups.filter(pk=group.pk).exists()
    return member and (user.is_staff or user.has_perm("triage.change_reviewpolicy"))


def policies(user: User) -> list[dict[str, Any]]:
    """The policy of each audience that the user belongs to, everybody's first: {group, policy or None, percent (its
    bound, as a form shows it), editable}."""
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
    """Set an audience's policy from now on; group_name: empty for everybody's. Returns None where nothing needs two.

    Raises NotFoundError for a group that is not the user's, NotYoursError, InvalidActionError."""
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
    policy = rows.first() or ReviewPolicy(group=group)
    policy.class_names, policy.below = sorted(set(class_names)), below
    policy.save()
    return policy
