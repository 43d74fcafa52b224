"""Connections to SkyPortals: the list, the settings of each, and a sync on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.forms import model_to_dict
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import NewestFirst, checked, group_of, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import Policy, Scope, SkyPortalInstance
from triage.services.skyportal import sync
from triage.services.skyportal.forms import InstanceForm

# Settings that are lists of ids, which the form has as text with commas.
_LISTS = ("remote_groups", "instruments", "share_with")
_CONNECTION_EXAMPLES = [
    request_example(
        "a new one",
        {"name": "Fritz", "url": "https://fritz.science", "token": "secret", "group": "ePESSTO", "remote_groups": [41]},
    )
]
_SYNC_EXAMPLES = [request_example("compare everything", {"full": True})]


class InstanceSerializer(serializers.ModelSerializer[SkyPortalInstance]):
    """A connection to one SkyPortal. Its token is never shown.

    group: the group that sees the imported spectra, null for everybody.
    remote_groups, instruments: ids at the SkyPortal; only their spectra are fetched, or all if the list is empty.
    decisions, predictions: whether they are posted to the SkyPortal.
    share_with: ids of the SkyPortal's groups that see what is posted.
    cursor: time up to which changes at the SkyPortal were listed.
    reconciled_at: time of the last full comparison.
    failures: how many runs have failed in a row.
    """

    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    remote_groups, instruments, share_with = (
        serializers.ListField(child=serializers.IntegerField(), read_only=True) for _ in range(3)
    )

    class Meta:
        model = SkyPortalInstance
        fields = (
            "id",
            "name",
            "url",
            "group",
            "enabled",
            "remote_groups",
            "instruments",
            "only_unclassified",
            "interval_minutes",
            "reconcile_hours",
            "decisions",
            "predictions",
            "share_with",
            "taxonomy",
            "cursor",
            "reconciled_at",
            "next_run_at",
            "failures",
        )
        read_only_fields = fields


def _ids() -> serializers.ListField:
    return serializers.ListField(child=serializers.IntegerField(min_value=0, max_value=10**11 - 1), required=False)


class ConnectionSerializer(serializers.Serializer[dict[str, Any]]):
    """Settings of a connection. A setting that is not sent stays as it is; a new connection gets the page's default.

    remote_groups, instruments, share_with: ids at the SkyPortal.
    decisions, predictions: whether they are posted to the SkyPortal.
    """

    name = serializers.CharField(max_length=80, required=False)
    url = serializers.CharField(max_length=200, required=False, help_text="Web address. A new address needs a token.")
    token = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="The SkyPortal's token. It is never shown; an empty text leaves it as it is.",
    )
    group = serializers.CharField(required=False, allow_null=True, help_text="One of your groups; null for everybody.")
    enabled = serializers.BooleanField(required=False)
    remote_groups, instruments, share_with = _ids(), _ids(), _ids()
    only_unclassified = serializers.BooleanField(required=False)
    interval_minutes = serializers.IntegerField(required=False, min_value=1)
    reconcile_hours = serializers.IntegerField(required=False, min_value=1)
    decisions = serializers.ChoiceField(choices=Policy.choices, required=False)
    predictions = serializers.ChoiceField(choices=Policy.choices, required=False)
    taxonomy = serializers.CharField(max_length=120, required=False)


class SyncSerializer(serializers.Serializer[dict[str, Any]]):
    """A sync to run."""

    full = serializers.BooleanField(default=False, help_text="Compare everything, not only what has changed.")


class ByName(NewestFirst):
    """Pages in the order of the names."""

    ordering = ("name",)


class InstancesView(generics.ListAPIView[SkyPortalInstance]):
    """The SkyPortals that this desk is connected to: public connections and the ones of your groups."""

    serializer_class = InstanceSerializer
    pagination_class = ByName
    parser_classes = (StorableJSONParser,)

    def get_queryset(self) -> QuerySet[SkyPortalInstance]:
        """Return the connections that the user may see."""
        return SkyPortalInstance.objects.visible_to(user_of(self.request)).select_related("group")

    @extend_schema(
        request=ConnectionSerializer,
        responses={201: InstanceSerializer} | error_answers(400, 403, 404),
        examples=_CONNECTION_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Add a connection. Only staff may, because it decides which server a token is sent to."""
        return Response(InstanceSerializer(_save(request, None)).data, status=201)


class InstanceView(APIView):
    """One connection."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(responses={200: InstanceSerializer} | error_answers(404))
    def get(self, request: Request, instance_id: int) -> Response:
        """One connection."""
        return Response(InstanceSerializer(_instance(user_of(request), instance_id)).data)

    @extend_schema(request=ConnectionSerializer, responses={200: InstanceSerializer} | error_answers(400, 403, 404))
    def patch(self, request: Request, instance_id: int) -> Response:
        """Change a connection; only staff may. ``{"enabled": false}`` switches it off."""
        if not user_of(request).is_staff:
            raise PermissionDenied
        return Response(InstanceSerializer(_save(request, _instance(user_of(request), instance_id))).data)


class SyncView(APIView):
    """Sync of one connection."""

    parser_classes = (StorableJSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(
        request=SyncSerializer,
        responses={202: InstanceSerializer} | error_answers(400, 404, 409),
        examples=_SYNC_EXAMPLES,
    )
    def post(self, request: Request, instance_id: int) -> Response:
        """Sync a connection as soon as a worker is free. ``skyportal/runs/`` shows how far it is."""
        full = checked(SyncSerializer, request.data)["full"]
        instance = sync.request_run(user_of(request), instance_id, full=full)
        return Response(InstanceSerializer(instance).data, status=202)


def _instance(user: User, instance_id: int) -> SkyPortalInstance:
    instance = SkyPortalInstance.objects.visible_to(user).filter(pk=instance_id).first()
    if instance is None:
        raise NotFound("there is no such SkyPortal")
    return instance


def _save(request: Request, instance: SkyPortalInstance | None) -> SkyPortalInstance:
    """Store the settings that were sent, over the connection's own, after the page's form has checked them."""
    user = user_of(request)
    if not user.is_staff:
        raise PermissionDenied
    sent = checked(ConnectionSerializer, request.data)
    earlier = instance or SkyPortalInstance()
    form = InstanceForm(user, _as_form(user, model_to_dict(earlier), sent), instance)
    if not form.is_valid():
        raise ValidationError({name: [str(text) for text in texts] for name, texts in form.errors.items()})
    return form.save()


def _as_form(user: User, earlier: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    values = {**earlier, **sent}
    if "group" in sent:
        group = group_of(user, sent["group"] or "")
        values["group"] = group and group.pk
    return {**values, **{name: ", ".join(str(number) for number in values[name]) for name in _LISTS}}
