"""Connections to SkyPortals: the list, and for staff the settings of each, which the page's form checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.forms import model_to_dict
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api import examples
from triage.api.base import NewestFirst, group_of, user_of
from triage.api.outside_serializers import InstanceSerializer
from triage.api.serializers import ErrorSerializer
from triage.models import Policy, SkyPortalInstance
from triage.skyportal.forms import InstanceForm

_ERRORS = {400: ErrorSerializer, 403: ErrorSerializer, 404: ErrorSerializer}
_LISTS = ("remote_groups", "instruments", "share_with")


def _ids() -> serializers.ListField:
    return serializers.ListField(child=serializers.IntegerField(min_value=0, max_value=10**11 - 1), required=False)


class ConnectionSerializer(serializers.Serializer[dict[str, Any]]):
    """What is to be set; the rest stays, or is the page's default. remote_groups, instruments, share_with: the server's
    ids. decisions, predictions: whether they are posted there."""

    name = serializers.CharField(max_length=80, required=False)
    url = serializers.CharField(max_length=200, required=False, help_text="a new one needs its token")
    token = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=200, help_text="never shown; empty: it stays"
    )
    group = serializers.CharField(required=False, allow_null=True, help_text="one of yours; null: everybody")
    enabled = serializers.BooleanField(required=False)
    remote_groups, instruments, share_with = _ids(), _ids(), _ids()
    only_unclassified = serializers.BooleanField(required=False)
    interval_minutes = serializers.IntegerField(required=False, min_value=1)
    reconcile_hours = serializers.IntegerField(required=False, min_value=1)
    decisions = serializers.ChoiceField(choices=Policy.choices, required=False)
    predictions = serializers.ChoiceField(choices=Policy.choices, required=False)
    taxonomy = serializers.CharField(max_length=120, required=False)


class ByName(NewestFirst):
    ordering = ("name",)


class InstancesView(generics.ListAPIView[SkyPortalInstance]):
    """The SkyPortals that this desk is connected to, as far as they concern you."""

    serializer_class = InstanceSerializer
    pagination_class = ByName
    parser_classes = (JSONParser,)

    def get_queryset(self) -> QuerySet[SkyPortalInstance]:
        rows: QuerySet[SkyPortalInstance] = SkyPortalInstance.objects.visible_to(self.request.user)
        return rows.select_related("group")

    @extend_schema(
        request=ConnectionSerializer,
        responses={201: InstanceSerializer, **_ERRORS},
        examples=examples.CONNECTION,
    )
    def post(self, request: Request) -> Response:
        """Add one; for staff, since it decides which server a token is sent to."""
        return Response(InstanceSerializer(_save(request, None)).data, status=201)


class InstanceView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(responses={200: InstanceSerializer, 404: ErrorSerializer})
    def get(self, request: Request, instance_id: int) -> Response:
        """One connection."""
        return Response(InstanceSerializer(_instance(user_of(request), instance_id)).data)

    @extend_schema(request=ConnectionSerializer, responses={200: InstanceSerializer, **_ERRORS})
    def patch(self, request: Request, instance_id: int) -> Response:
        """Change it; for staff. ``{"enabled": false}`` switches it off."""
        if not user_of(request).is_staff:
            raise PermissionDenied
        return Response(InstanceSerializer(_save(request, _instance(user_of(request), instance_id))).data)


def _instance(user: User, instance_id: int) -> SkyPortalInstance:
    found: SkyPortalInstance | None = SkyPortalInstance.objects.visible_to(user).filter(pk=instance_id).first()
    if found is None:
        raise NotFound("there is no such SkyPortal")
    return found


def _save(request: Request, instance: SkyPortalInstance | None) -> SkyPortalInstance:
    """What was sent over what there was, checked by the page's form."""
    user = user_of(request)
    if not user.is_staff:
        raise PermissionDenied
    sent = ConnectionSerializer(data=request.data)
    sent.is_valid(raise_exception=True)
    earlier = instance or SkyPortalInstance()
    form = InstanceForm(user, _as_form(user, model_to_dict(earlier), sent.validated_data), instance)
    if not form.is_valid():
        raise ValidationError({name: [str(text) for text in texts] for name, texts in form.errors.items()})
    return form.save()


def _as_form(user: User, earlier: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    values = {**earlier, **sent}
    if "group" in sent:
        group = group_of(user, sent["group"] or "")
        values["group"] = group and group.pk
    return {**values, **{name: ", ".join(str(number) for number in values[name]) for name in _LISTS}}
