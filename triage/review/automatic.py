"""Automatic policies: who may read and set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, User

from classifier.taxonomy import load_taxonomy
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import AutomaticPolicy

# Fields that a user sets, and those of them that lie between 0 and 1.
FIELDS = (
    "class_names",
    "probability",
    "novelty",
    "signal_to_noise",
    "template_agrees",
    "set_of_one",
    "share_for_people",
    "allowed_false_rate",
)
_SHARES = {
    "probability": "the smallest probability",
    "novelty": "the largest novelty",
    "share_for_people": "the share for people",
    "allowed_false_rate": "the allowed false rate",
}
# At 0, the first would let every prediction pass, and nothing could ever prove the second.
_ABOVE_ZERO = ("probability", "allowed_false_rate")
_PERMISSION = "triage.change_automaticpolicy"


def may_change(user: User, group: Group | None) -> bool:
    """Return whether the user may change the automatic policy of an audience.

    Staff may change the policy of public spectra (group None). A group's policy may be changed by its members who are
    staff or have the permission ``triage.change_automaticpolicy``.
    """
    if group is None:
        return user.is_staff
    return user.groups.filter(pk=group.pk).exists() and (user.is_staff or user.has_perm(_PERMISSION))


def policies(user: User) -> list[dict[str, Any]]:
    """Return the automatic policy of each audience that the user belongs to, that of public spectra first.

    Each row has group (None for public spectra), policy (None if there is none) and editable (whether the user may
    change it).
    """
    groups: list[Group | None] = [None, *user.groups.order_by("name")]
    rows = {policy.group_id: policy for policy in AutomaticPolicy.objects.all()}
    trusted = user.is_staff or user.has_perm(_PERMISSION)
    return [
        {
            "group": group,
            "policy": rows.get(group.pk if group else None),
            "editable": user.is_staff if group is None else trusted,
        }
        for group in groups
    ]


def draft(user: User, group_name: str, values: Mapping[str, Any]) -> AutomaticPolicy:
    """Return an automatic policy that is not stored, as for a dry run.

    group_name: name of a group of the user's, or "" for public spectra.
    values: fields of the policy; one that is missing has its default.

    Raises NotFoundError for a group that is not the user's, and InvalidActionError for a class that no network
    predicts or an impossible bound.
    """
    group = user.groups.filter(name=group_name).first() if group_name else None
    if group_name and group is None:
        raise NotFoundError("there is no such group")
    policy = AutomaticPolicy(group=group, **{name: values[name] for name in FIELDS if name in values})
    policy.class_names = sorted(set(policy.class_names))
    if unknown := sorted(set(policy.class_names) - set(load_taxonomy().trained)):
        raise InvalidActionError(f"no network predicts {' or '.join(unknown)}")
    for name, words in _SHARES.items():
        value = getattr(policy, name)
        if value is not None and not 0 <= value <= 1:
            raise InvalidActionError(f"{words} lies between 0 and 1")
        if value == 0 and name in _ABOVE_ZERO:
            raise InvalidActionError(f"{words} lies above 0")
    if policy.signal_to_noise is not None and policy.signal_to_noise < 0:
        raise InvalidActionError("a signal-to-noise ratio is not negative")
    return policy


def change_policy(user: User, group_name: str, values: Mapping[str, Any]) -> AutomaticPolicy | None:
    """Store the automatic policy of an audience, and return it, or None if no class may pass any more.

    group_name: name of a group of the user's, or "" for public spectra.
    values: as in ``draft``.

    Raises what ``draft`` raises, and NotYoursError if the user may not change the policy.
    """
    policy = draft(user, group_name, values)
    if not may_change(user, policy.group):
        raise NotYoursError("only staff, or members whom they trust with it, may change an automatic policy")
    rows = AutomaticPolicy.objects.filter(group=policy.group)
    if not policy.class_names:
        rows.delete()
        return None
    policy.pk = rows.values_list("pk", flat=True).first()
    policy.save()
    return policy
