"""Look-ups, pages and sparse fields that the resources share."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError as InvalidValueError
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from triage.accounts.audiences import chosen_audience
from triage.models import Brightness, Spectrum, Transient
from triage.models.spectrum import SpectrumQuerySet

FIELDS = OpenApiParameter("fields", str, description="Keys to send of each row, separated by commas; all if empty.")


def user_of(request: Request) -> User:
    """Return the signed-in user. The permission classes have made sure that there is one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def transient_of(request: Request, name: str) -> Transient:
    """Return the transient that the user knows by this name. Raises NotFound if there is none."""
    user = user_of(request)
    transient = Transient.objects.visible_to(user).called(user, name)
    if transient is None:
        raise NotFound("there is no such transient")
    return transient


def visible_spectra(user: User) -> SpectrumQuerySet:
    """Return the spectra that the user may see, with everything that an answer shows of them."""
    related = ("transient", "group", "current_prediction__checkpoint", "current_prediction__named_matches")
    brightness = Brightness.objects.for_reader(user, "current_prediction__")
    return Spectrum.objects.visible_to(user).select_related(*related).prefetch_related(brightness).with_hidden(user)


def spectrum_of(request: Request, spectrum_id: int) -> Spectrum:
    """Return one spectrum as visible_spectra shows it. Raises NotFound if the user may see none with this id."""
    spectrum = visible_spectra(user_of(request)).filter(pk=spectrum_id).first()
    if spectrum is None:
        raise NotFound("there is no such spectrum")
    return spectrum


def group_of(user: User, name: str | None) -> Group | None:
    """Return the audience of a name, or None for everybody; see ``chosen_audience``.

    Raises ValidationError if the user is not a member of such a group.
    """
    try:
        return chosen_audience(user, name)
    except Group.DoesNotExist:
        raise ValidationError({"group": ["you are not a member of that group"]}) from None


def checked(form: type[serializers.Serializer[Any]], sent: Any) -> dict[str, Any]:
    """Return what was sent, checked and converted by a serializer.

    form: serializer that describes the request.
    sent: body of the request, or its query parameters.

    Raises ValidationError if a field is missing or wrong.
    """
    filled = form(data=sent)
    filled.is_valid(raise_exception=True)
    return dict(filled.validated_data)


class NewestFirst(CursorPagination):
    """Pages by cursor, the newest row first."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering: tuple[str, ...] = ("-id",)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the rows of the page. Raises NotFound for a cursor that no page gave out."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, InvalidValueError):
            # The cursor's place does not fit the column that the rows are ordered by.
            raise NotFound(self.invalid_cursor_message) from None


class NewestArrivalFirst(NewestFirst):
    """Pages of transients by arrival, the newest first. Their ids would tell which ones a group knew before."""

    ordering = ("-created_at", "-id")


def wanted_fields(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that ``?fields=`` asks for, in the order of ``known``.

    text: keys separated by commas; empty for all of them.
    known: keys that a row has.

    Raises ValidationError if a row has no such key.
    """
    asked = {part.strip() for part in text.split(",") if part.strip()}
    unknown = sorted(asked - set(known))
    if unknown:
        raise ValidationError({"fields": [f"there is no “{unknown[0]}”; choose from {', '.join(known)}"]})
    return tuple(name for name in known if not asked or name in asked)


class SparseFields(serializers.Serializer[Any]):
    """Serializer that sends only the keys in ``?fields=``. Serializers nested in another one always send all keys."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        request = self.context.get("request")
        if request is None or request.method != "GET" or not self._is_outermost():
            return fields
        names = wanted_fields(request.query_params.get("fields", ""), tuple(fields))
        return {name: fields[name] for name in names}

    def _is_outermost(self) -> bool:
        return self.parent is None or (isinstance(self.parent, serializers.ListSerializer) and not self.parent.parent)
