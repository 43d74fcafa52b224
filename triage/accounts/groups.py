"""Groups and their members: who makes and manages a group, and how a membership ends.

A membership is what shows a group's private spectra. It is read with every request, so whoever leaves sees nothing
of them from the next request on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from triage.accounts import audit
from triage.accounts.audiences import EVERYBODY, ONLY_ME, shared_groups
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import ClaimedMembership, GroupSettings

# Names like those of the groups that stand for one user alone.
_OF_ONE_USER = re.compile(rf"{ONLY_ME}( \(.*)?$", re.IGNORECASE)
# Words that mean other audiences where a group's name may stand.
RESERVED = frozenset({EVERYBODY, "public"})


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


def all_managers() -> dict[int, list[str]]:
    """Return the user names of the managers of every group that has some, by the group's id, in one query."""
    found: dict[int, list[str]] = defaultdict(list)
    active = User.objects.filter(is_active=True, groups=F("managed_groups__group")).order_by("username")
    for group, name in active.values_list("managed_groups__group", "username"):
        found[group].append(name)
    return found


def create(by: User, name: str, managers: Sequence[str]) -> Group:
    """Make a group.

    by: a member of staff.
    name: the group's name.
    managers: user names of its first managers, who become its members; may be empty.

    Raises NotYoursError for anybody but staff, and InvalidActionError for an unknown user or an unusable name.
    """
    if not by.is_staff:
        raise NotYoursError("only staff make groups")
    name = " ".join(name.split())
    _check_name(name)
    found = {user.get_username(): user for user in User.objects.filter(username__in=managers)}
    if unknown := [manager for manager in managers if manager not in found]:
        raise InvalidActionError(f"no user is called {' or '.join(unknown)}")
    with transaction.atomic():
        try:
            with transaction.atomic():
                group = Group.objects.create(name=name)
        except IntegrityError:
            # Somebody made it a moment ago.
            raise _taken(name) from None
        group.user_set.set(found.values())
        GroupSettings.objects.create(group=group).managers.set(found.values())
        audit.note(by, group, f"made the group, managed by {', '.join(found) or 'staff'}")
    return group


def _check_name(name: str) -> None:
    """Raise InvalidActionError for a name that is taken, or that means another audience."""
    if not name or name.casefold() in RESERVED or _OF_ONE_USER.match(name):
        raise InvalidActionError(f"a group cannot be called “{name}”")
    if Group.objects.filter(name__iexact=name).exists():
        raise _taken(name)


def _taken(name: str) -> InvalidActionError:
    return InvalidActionError(f"there is a group “{name}” already")


def change_settings(by: User, group_id: int, *, private_by_default: bool, own_library: bool) -> Group:
    """Change the settings of a group; see GroupSettings for what they mean.

    Returns the group. Raises NotFoundError if ``by`` may not manage it.
    """
    group = managed_group(by, group_id)
    with transaction.atomic():
        settings, _ = GroupSettings.objects.get_or_create(group=group)
        settings.private_by_default, settings.own_library = private_by_default, own_library
        settings.save(update_fields=["private_by_default", "own_library"])
        words = f"private by default {_on(private_by_default)}, own library {_on(own_library)}"
        audit.note(by, group, f"changed the settings: {words}")
    return group


def _on(value: bool) -> str:
    return "on" if value else "off"


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
