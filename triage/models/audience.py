"""Audiences: a row is visible to everybody who is signed in, or to the members of one group."""

from __future__ import annotations

from typing import ClassVar, Self, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as UserModel
from django.db import models
from django.db.models import Q, prefetch_related_objects

User = UserModel | AnonymousUser
Row = TypeVar("Row", bound=models.Model)


def shared_with(user: User, path: str = "") -> Q:
    """Return the condition that a row's ``group`` is empty or is one of the user's groups.

    The groups are read once for each user object, so once a request. A page has this condition in up to 40 places.

    user: the user who asks.
    path: lookup prefix of the related row that holds the group, such as ``"spectrum__"``.
    """
    return Q(**{f"{path}group__isnull": True}) | Q(**{f"{path}group__in": group_ids(user)})


def group_ids(user: User) -> list[int]:
    """Return the ids of the user's groups, which are read once for each user object."""
    if isinstance(user, UserModel):
        prefetch_related_objects([user], "groups")
    return [group.pk for group in user.groups.all()]


class AudienceQuerySet(models.QuerySet[Row]):
    """Rows of which each is visible to one audience.

    group_path: lookup prefix of the related row that holds the group; empty where the row holds it itself.
    """

    group_path: ClassVar[str] = ""

    def visible_to(self, user: User) -> Self:
        """Return the rows that the user may see. A visitor who is not signed in sees none."""
        return self.filter(shared_with(user, self.group_path)) if user.is_authenticated else self.none()
