"""Audiences that a user can choose for an upload: everybody, a group, or the user alone."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet

from triage.models import GroupSettings

EVERYBODY, ONLY_ME = "everybody", "only me"


def shared_groups(user: User) -> QuerySet[Group]:
    """Return the user's groups by name, without the one that stands for "only me"."""
    return user.groups.filter(desk_settings__person__isnull=True).order_by("name")


def default_audience(user: User) -> Group | None:
    """Return the group that the user's uploads are for if nothing is chosen, or None for everybody."""
    return shared_groups(user).filter(desk_settings__private_by_default=True).first()


def is_private_by_default(group: Group) -> bool:
    """Return whether what members send is for this group alone if nothing is chosen."""
    settings: GroupSettings | None = getattr(group, "desk_settings", None)
    return settings is not None and settings.person_id is None and settings.private_by_default


def own_group(user: User) -> Group:
    """Return the group of which the user is the only member, making it if it does not exist."""
    with transaction.atomic():
        # Two uploads at once make one group.
        User.objects.select_for_update().get(pk=user.pk)
        found = Group.objects.filter(desk_settings__person=user).first()
        if found is None:
            found = Group.objects.create(name=_free_name(f"{ONLY_ME} ({user.get_username()[:120]})"))
            GroupSettings.objects.create(group=found, person=user)
        # From the user's side, so that this object no longer holds the groups that were read before.
        user.groups.add(found)
        found.user_set.set([user])
    return found


def _free_name(name: str) -> str:
    number = 1
    while Group.objects.filter(name=(name if number == 1 else f"{name} {number}")).exists():
        number += 1
    return name if number == 1 else f"{name} {number}"


def chosen_audience(user: User, name: str | None) -> Group | None:
    """Return the audience of a name: one of the user's groups, or None for everybody.

    name: a group's name, EVERYBODY or "", ONLY_ME, or None if nothing was chosen.

    Raises Group.DoesNotExist if the user is not a member of such a group.
    """
    if name is None:
        return default_audience(user)
    if name == ONLY_ME:
        return own_group(user)
    return None if name in ("", EVERYBODY) else user.groups.get(name=name)
