"""What the endpoints share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Group, User
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from triage.models import Transient

FIELDS = OpenApiParameter("fields", str, description="only these keys of each row, with commas between them")


def user_of(request: Request) -> User:
    """The signed-in user; the permission classes have made sure that there is one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def transient_of(request: Request, name: str) -> Transient:
    """Raises NotFound where there is none that the user may see."""
    user = user_of(request)
    found: Transient | None = Transient.objects.visible_to(user).called(user, name)
    if found is None:
        raise NotFound("there is no such transient")
    return found


def group_of(user: User, name: str) -> Group | None:
    """One of the user's groups, None for an empty name; 400 for another."""
    group = user.groups.filter(name=name).first() if name else None
    if name and group is None:
        raise ValidationError({"group": ["you are not a member of that group"]})
    return group


class NewestFirst(CursorPagination):
    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering: tuple[str, ...] = ("-id",)


class QueueOrder(NewestFirst):
    ordering = ("-priority", "id")


class ClassificationOrder(NewestFirst):
    ordering = ("-decided_at", "-id")


def whole(request: Request, name: str) -> int | None:
    """A parameter that is a database id; None where it is not given, 400 where it is none."""
    text = request.query_params.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValidationError({name: ["give a whole number"]})
    return int(text) if text else None


def choice(request: Request, name: str, known: Sequence[str]) -> str | None:
    """A parameter that is one of a few words; None where it is not given, 400 where it is another."""
    text = request.query_params.get(name, "")
    if text and text not in known:
        raise ValidationError({name: [f"one of {', '.join(known)}"]})
    return text or None


def wanted_fields(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The keys that ``?fields=`` asks for, in their own order; all of them for an empty text. 400 for one that is not
    there."""
    asked = {part.strip() for part in text.split(",") if part.strip()}
    unknown = sorted(asked - set(known))
    if unknown:
        raise ValidationError({"fields": [f"there is no “{unknown[0]}”; there are {', '.join(known)}"]})
    return tuple(name for name in known if not asked or name in asked)


class SparseFields(serializers.Serializer[Any]):
    """A serializer that leaves out what ``?fields=`` does not ask for, where it is the outermost one of a GET."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        request = self.context.get("request")
        outermost = self.parent is None or (
            isinstance(self.parent, serializers.ListSerializer) and not self.parent.parent
        )
        if request is None or request.method != "GET" or not outermost:
            return fields
        names = wanted_fields(request.query_params.get("fields", ""), tuple(fields))
        return {name: fields[name] for name in names}
