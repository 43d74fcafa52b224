"""Automatic policies: who may read and set them, and switch them on and off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from classifier.taxonomy import load_taxonomy
from triage.accounts import audit
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import AutomaticPolicy, AutomaticRun, Checkpoint
from triage.review import runs
from triage.review.dry_run import DAYS, dry_run

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
# Transients that a trial may classify at most.
LARGEST_TRIAL = 1000


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

    Each row has group (None for public spectra), policy (None if there is none), run (what people said about its latest
    run, as ``runs.Measured``; None if it was never on) and editable (whether the user may change it).
    """
    latest = runs.latest(user)
    groups: list[Group | None] = [None, *user.groups.order_by("name")]
    rows = {policy.group_id: policy for policy in AutomaticPolicy.objects.all()}
    trusted = user.is_staff or user.has_perm(_PERMISSION)
    return [
        {
            "group": group,
            "policy": rows.get(group.pk if group else None),
            "run": latest.get(group.pk if group else None),
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
    group = _audience(user, group_name)
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

    A policy that is on and changes is switched off, because the false rate of the new conditions is not known.

    group_name: name of a group of the user's, or "" for public spectra.
    values: as in ``draft``.

    Raises what ``draft`` raises, and NotYoursError if the user may not change the policy.
    """
    policy = draft(user, group_name, values)
    _check_may_change(user, policy.group)
    rows = AutomaticPolicy.objects.filter(group=policy.group)
    with transaction.atomic():
        # The policy is locked before its run, as in switch_on. Two first policies at once become one row.
        policy.pk = rows.select_for_update().get_or_create(group=policy.group, defaults=conditions(policy))[0].pk
        run = runs.current(policy.group)
        if run is not None and run.conditions != conditions(policy):
            _end(user, run, "The policy was changed.")
        if not policy.class_names:
            rows.delete()
            return None
        policy.save()
    return policy


def conditions(policy: AutomaticPolicy) -> dict[str, Any]:
    """Return the fields of a policy that a user sets."""
    return {name: getattr(policy, name) for name in FIELDS}


def switch_on(user: User, group_name: str, limit: int | None = None) -> AutomaticRun:
    """Switch an audience's stored policy on, and return its run.

    group_name: name of a group of the user's, or "" for public spectra.
    limit: number of transients that a trial may classify. None asks for more than a trial: the upper bound of the dry
        run must lie within the allowed rate.

    Raises NotFoundError for a group that is not the user's, NotYoursError if the user may not change the policy, and
    InvalidActionError if there is no policy or no checkpoint, the policy is on or was changed meanwhile, or the limit
    is impossible. More than a trial raises it too if no share is left to people, or the dry run does not show the
    allowed rate.
    """
    group = _audience(user, group_name)
    _check_may_change(user, group)
    stored = AutomaticPolicy.objects.filter(group=group)
    policy, checkpoint = stored.first(), Checkpoint.objects.filter(current=True).first()
    if policy is None or checkpoint is None:
        raise InvalidActionError("keep a policy first" if policy is None else "nothing was classified here yet")
    if limit is not None and not 1 <= limit <= LARGEST_TRIAL:
        raise InvalidActionError(f"a trial classifies 1 to {LARGEST_TRIAL} transients")
    if limit is None and not policy.share_for_people:
        raise InvalidActionError("leave a share to people first, because nothing else measures the false rate")
    tried = dry_run(user, policy)
    if limit is None and not tried.within_allowed:
        raise InvalidActionError(
            f"the dry run of the last {DAYS} days does not show that the false rate is allowed; begin with a trial"
        )
    try:
        with transaction.atomic():
            now = stored.select_for_update().first()
            if now is None or conditions(now) != conditions(policy):
                raise InvalidActionError("the policy was changed meanwhile; look at it again")
            run = AutomaticRun.objects.create(
                group=group,
                conditions=conditions(policy),
                checkpoint=checkpoint.hash,
                limit=limit,
                vetted=tried.decided,
                disagreed=len(tried.disagreements),
                began_by=user,
            )
            audit.note(user, run, "switched the automatic policy on" + (f", a trial of {limit}" if limit else ""))
    except IntegrityError as error:
        raise InvalidActionError("the policy is on already") from error
    return run


def switch_off(user: User, group_name: str) -> None:
    """Switch an audience's policy off. What it classified stays until people decide.

    Raises NotFoundError for a group that is not the user's, NotYoursError if the user may not change the policy, and
    InvalidActionError if the policy is off.
    """
    group = _audience(user, group_name)
    _check_may_change(user, group)
    run = runs.current(group)
    if run is None:
        raise InvalidActionError("the policy is off already")
    _end(user, run, "It was switched off.")


def _end(user: User, run: AutomaticRun, reason: str) -> None:
    if runs.end(run, reason, user):
        audit.note(user, run, f"ended the run of the automatic policy: {reason}")


def _audience(user: User, group_name: str) -> Group | None:
    """Return the user's group of this name, or None for public spectra. Raises NotFoundError."""
    # Postgres refuses a question about a text with NUL.
    group = user.groups.filter(name=group_name).first() if group_name and "\0" not in group_name else None
    if group_name and group is None:
        raise NotFoundError("there is no such group")
    return group


def _check_may_change(user: User, group: Group | None) -> None:
    if not may_change(user, group):
        raise NotYoursError("only staff, or members whom they trust with it, may change an automatic policy")
