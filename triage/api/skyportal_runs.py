"""Runs of the SkyPortal sync."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import FIELDS, NewestFirst, SparseFields, user_of
from triage.api.errors import error_answers
from triage.api.parameters import integer_parameter
from triage.models import SkyPortalInstance, SkyPortalRun


class RunSerializer(SparseFields, serializers.ModelSerializer[SkyPortalRun]):
    """One run of the sync. ``done`` of ``total`` spectra were handled.

    full: whether everything was compared, not only what has changed since ``since``.
    fetched: spectra whose samples were asked for.
    missed: classifications that the SkyPortal counts and did not send, at least; nothing was deleted because of them.
    gone: spectra that the SkyPortal does not list any more; the imported ones stay here.
    problems: the first errors.
    """

    done = serializers.IntegerField(read_only=True)
    skipped = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="Number of skipped spectra by reason."
    )
    problems = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = SkyPortalRun
        fields = (
            "id",
            "instance",
            "state",
            "full",
            "since",
            "listed",
            "total",
            "done",
            "fetched",
            "new",
            "changed",
            "unchanged",
            "skipped",
            "gone",
            "missed",
            "errors",
            "problems",
            "message",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


@extend_schema_view(
    get=extend_schema(parameters=[OpenApiParameter("instance", int, description="Id of a connection."), FIELDS])
)
class RunsView(generics.ListAPIView[SkyPortalRun]):
    """Runs of the sync, newest first, with the ones in progress."""

    serializer_class = RunSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[SkyPortalRun]:
        """Return the runs of the connections that the user may see."""
        rows = _visible_runs(user_of(self.request))
        instance = integer_parameter(self.request, "instance")
        return rows if instance is None else rows.filter(instance=instance)


class RunView(APIView):
    """One run."""

    @extend_schema(parameters=[FIELDS], responses={200: RunSerializer} | error_answers(404))
    def get(self, request: Request, run_id: int) -> Response:
        """One run: its progress and its result."""
        run = _visible_runs(user_of(request)).filter(pk=run_id).first()
        if run is None:
            raise NotFound("there is no such run")
        return Response(RunSerializer(run, context={"request": request}).data)


def _visible_runs(user: User) -> QuerySet[SkyPortalRun]:
    return SkyPortalRun.objects.filter(instance__in=SkyPortalInstance.objects.visible_to(user))
