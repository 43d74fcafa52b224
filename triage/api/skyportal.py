"""SkyPortal: connections, runs of the sync, the outbox, and the service that a SkyPortal pushes spectra to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api import examples
from triage.api import outside_serializers as shapes
from triage.api.base import FIELDS, NewestFirst, choice, user_of, whole
from triage.api.serializers import ErrorSerializer
from triage.models import PostState, Scope, SkyPortalInstance, SkyPortalPost, SkyPortalRun
from triage.skyportal import analysis, outbox, sync

_ERRORS = {400: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer}
_INSTANCE = OpenApiParameter("instance", int, description="id of a connection")


class SyncView(APIView):
    parser_classes = (JSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(
        request=shapes.SyncSerializer, responses={202: shapes.InstanceSerializer, **_ERRORS}, examples=examples.SYNC
    )
    def post(self, request: Request, instance_id: int) -> Response:
        """Have a connection synced as soon as a worker is free; ``skyportal/runs/`` shows how far it is."""
        form = shapes.SyncSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        instance = sync.request_run(user_of(request), instance_id, full=form.validated_data["full"])
        return Response(shapes.InstanceSerializer(instance).data, status=202)


@extend_schema_view(get=extend_schema(parameters=[_INSTANCE, FIELDS]))
class RunsView(generics.ListAPIView[SkyPortalRun]):
    """Runs of the sync, newest first, the one in progress among them."""

    serializer_class = shapes.RunSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[SkyPortalRun]:
        rows = SkyPortalRun.objects.filter(instance__in=SkyPortalInstance.objects.visible_to(self.request.user))
        wanted = whole(self.request, "instance")
        return rows if wanted is None else rows.filter(instance=wanted)


class RunView(APIView):
    @extend_schema(parameters=[FIELDS], responses={200: shapes.RunSerializer, 404: ErrorSerializer})
    def get(self, request: Request, run_id: int) -> Response:
        """One run: how far it is, and what came of it."""
        instances = SkyPortalInstance.objects.visible_to(user_of(request))
        run = SkyPortalRun.objects.filter(instance__in=instances, pk=run_id).first()
        if run is None:
            raise NotFound("there is no such run")
        return Response(shapes.RunSerializer(run, context={"request": request}).data)


@extend_schema_view(
    get=extend_schema(parameters=[_INSTANCE, OpenApiParameter("state", str, enum=PostState.values), FIELDS])
)
class OutboxView(generics.ListAPIView[SkyPortalPost]):
    """What SkyPortals are to hold, newest first."""

    serializer_class = shapes.PostSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[SkyPortalPost]:
        rows: QuerySet[SkyPortalPost] = SkyPortalPost.objects.visible_to(self.request.user)
        wanted: dict[str, Any] = {
            "instance": whole(self.request, "instance"),
            "state": choice(self.request, "state", PostState.values),
        }
        return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


class PostView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(
        request=shapes.AnswerSerializer, responses={200: shapes.PostSerializer, **_ERRORS}, examples=examples.OUTBOX
    )
    def post(self, request: Request, post_id: int) -> Response:
        """Approve or refuse a post that asks; replay one that was given up or refused."""
        form = shapes.AnswerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        post = outbox.answer(user_of(request), post_id, form.validated_data["action"])
        return Response(shapes.PostSerializer(post).data)


class AnalysisView(APIView):
    """The address to register at a SkyPortal as an analysis service."""

    parser_classes = (JSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(
        request=shapes.PushSerializer,
        responses={200: shapes.PendingSerializer, **_ERRORS},
        examples=[
            OpenApiExample(
                "a push",
                request_only=True,
                value={
                    "callback_url": "https://fritz.science/api/webhook/obj_analysis/555ce6d4",
                    "callback_method": "POST",
                    "invalid_after": "2026-11-23T05:00:00",
                    "resource_id": "ZTF26aaa",
                    "inputs": {
                        "spectra": 'wavelengths,fluxes\n"[4000.0, 4002.0]","[1.1, 1.2]"\n',
                        "redshift": "redshift\n0.03\n",
                    },
                    "analysis_parameters": {},
                },
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Take spectra, answer at once, and send the result to ``callback_url`` before ``invalid_after``. The callback
        must lie on a SkyPortal that you are connected to here."""
        form = shapes.PushSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        job = analysis.accept(user_of(request), form.push())
        return Response({"status": "pending", "message": "the spectra are being classified", "id": job.pk})
