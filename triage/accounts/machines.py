"""Users that own what the desk itself takes in: the sync of a SkyPortal and the command ``ingest``."""

from __future__ import annotations

import itertools

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User


def machine_user(name: str, group: Group | None) -> User:
    """Return the user who owns what a machine takes in for an audience. Nobody can sign in as this user.

    Each group has one of its own, because a user of two groups lets them share transients that one of them knows.
    Whoever has the usual name and can sign in is a person, who must not join the group by that name. The machine then
    gets a number behind the name.

    name: name of the machine.
    group: the audience; None for everybody.
    """
    usual = name if group is None else f"{name}-{group.pk}"
    free = itertools.chain([usual], (f"{usual}.{number}" for number in itertools.count(2)))
    user = next(user for user in map(user_called, free) if not (user.has_usable_password() or user.last_login))
    if group is not None:
        user.groups.set([group])
    return user


def user_called(name: str) -> User:
    """Return the user of a name. If there is none, one is made that nobody can sign in as."""
    return User.objects.get_or_create(username=name, defaults={"password": make_password(None)})[0]
