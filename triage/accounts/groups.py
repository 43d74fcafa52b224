"""Members of groups: who may manage a group, and how a membership ends.

A membership is what shows a group's private spectra. It is asked for with every query, so whoever leaves sees nothing
of them from the next request on.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from triage.accounts import audit
from triage.accounts.audiences import shared_groups
from triage.errors import NotFoundError
from triage.models import ClaimedMembership, GroupSettings


def shared() -> QuerySet[Group]:
    """Return all groups by name, without those that stand for one user alone."""
    return Group.objects.filter(desk_settings__person__isnull=True).order_by("name")


def managed_groups(user: User) -> QuerySet[Group]:
    """Return the groups that the user may manage, by name: all for staff, else those where they are a manager."""
    return shared() if user.is_staff else shared().filter(user=user, desk_settings__managers=user)


def managed_group(user: User, group_id: int) -> Group:
    """Return one of these groups. Raises NotFoundError for any other."""
    group = managed_groups(user).filter(pk=group_id).first()
    if group is None:
        raise NotFoundError("you manage no such group")
    return group


def members(group: Group) -> QuerySet[User]:
    """Return the members by name, each with ``manages``: whether they are a manager of the group."""
    manages = Exists(GroupSettings.objects.filter(group=group, managers=OuterRef("pk")))
    return group.user_set.annotate(manages=manages).order_by("username")


def managers(group: Group) -> list[User]:
    """Return the members who manage the group, by name."""
    return list(group.user_set.filter(managed_groups__group=group, is_active=True).order_by("username"))


def set_manager(by: User, group_id: int, user_id: int, manages: bool) -> User:
    """Make a member a manager of the group, or end that.

    by: who does it.
    manages: whether the member is to be a manager.

    Returns the member. Raises NotFoundError if ``by`` may not manage the group, or for a user who is no member.
    """
    group = managed_group(by, group_id)
    member = _member(group, user_id)
    with transaction.atomic():
        settings, _ = GroupSettings.objects.get_or_create(group=group)
        (settings.managers.add if manages else settings.managers.remove)(member)
        if not manages:
            _end_invitations(member, group)
        audit.note(by, group, f"made {member} {'a manager' if manages else 'a member who manages nothing'}")
    return member


def remove(by: User, group_id: int, user_id: int) -> User:
    """End the membership of another user, or one's own.

    Returns the former member. Raises NotFoundError as ``set_manager`` does.
    """
    group = managed_group(by, group_id)
    member = _member(group, user_id)
    with transaction.atomic():
        end(member, group)
        audit.note(by, group, f"removed {member} from the group")
    return member


def leave(user: User, group_id: int) -> Group:
    """End one's own membership and return the group. Raises NotFoundError if the user is no member of such a group."""
    group = shared_groups(user).filter(pk=group_id).first()
    if group is None:
        raise NotFoundError("you are no member of such a group")
    with transaction.atomic():
        end(user, group)
        audit.note(user, group, "left the group")
    return group


def _member(group: Group, user_id: int) -> User:
    member = group.user_set.filter(pk=user_id).first()
    if member is None:
        raise NotFoundError("the group has no such member")
    return member


def end(member: User, group: Group) -> None:
    """End a membership, and what hangs on it. The caller notes why."""
    member.groups.remove(group)
    ClaimedMembership.objects.filter(user=member, group=group).delete()
    for settings in GroupSettings.objects.filter(group=group):
        settings.managers.remove(member)
    _end_invitations(member, group)


def _end_invitations(inviter: User, group: Group) -> None:
    """End the invitations of a user who manages the group no longer."""
    if not inviter.is_staff:
        group.invitations.open().filter(made_by=inviter).update(ended_at=timezone.now())
