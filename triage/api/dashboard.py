"""Numbers of the dashboard: spectra that arrived, transients that wait, and how often the network was right."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import user_of
from triage.api.errors import error_answers
from triage.api.parameters import SIMULATED, choice_parameter, class_parameter, flag_parameter
from triage.figures.dashboard import Bin, reliability
from triage.queue import dashboard
from triage.queue.dashboard import Share


class ShareSerializer(serializers.Serializer[Share]):
    """Vetted transients of one class or instrument, and how many of them the network classified correctly."""

    name = serializers.CharField()
    count = serializers.IntegerField()
    right = serializers.IntegerField()


class ReliabilitySerializer(serializers.Serializer[Bin]):
    """Predictions of similar probability.

    low, high: 95 % interval of ``right``.
    """

    count = serializers.IntegerField()
    probability = serializers.FloatField(help_text="Mean probability that the network gave.")
    right = serializers.FloatField(help_text="Share of them that was vetted with the predicted class.")
    low = serializers.FloatField()
    high = serializers.FloatField()


class NightSerializer(serializers.Serializer[dict[str, Any]]):
    """Numbers of a span of time.

    arrived, classified, failed: number of spectra.
    queued: number of spectra that are in the backlog now.
    waiting: number of transients that are in the queue now.
    second_opinion, disputed: number of transients that are in this state now.
    vetted: number of transients.
    """

    arrived = serializers.IntegerField()
    queued = serializers.IntegerField()
    classified = serializers.IntegerField()
    failed = serializers.IntegerField()
    unreadable = serializers.IntegerField(help_text="Number of spectra that arrived and could not be read.")
    waiting = serializers.IntegerField()
    second_opinion = serializers.IntegerField()
    disputed = serializers.IntegerField()
    automatic = serializers.IntegerField(help_text="Number of transients that a policy classified, now.")
    vetted = serializers.IntegerField()
    median_wait = serializers.FloatField(
        allow_null=True, help_text="Median time from a spectrum's arrival to its decision, seconds."
    )
    by_class = ShareSerializer(many=True)
    by_instrument = ShareSerializer(many=True)
    reliability = ReliabilitySerializer(many=True)


class NightView(APIView):
    """Numbers of the dashboard."""

    @extend_schema(
        parameters=[
            OpenApiParameter("since", str, enum=list(dict(dashboard.SPANS)), description="Span of time."),
            OpenApiParameter("class", str, description="Vetted class."),
            OpenApiParameter("instrument", str),
            OpenApiParameter("blind", str, enum=["1"], description="Only transients that were vetted blind."),
            SIMULATED,
        ],
        responses={200: NightSerializer} | error_answers(400),
    )
    def get(self, request: Request) -> Response:
        """Numbers of the dashboard: spectra that arrived, transients that wait, and how often the network was right."""
        user = user_of(request)
        span = dashboard.Span(
            since=choice_parameter(request, "since", list(dict(dashboard.SPANS))) or "night",
            class_name=class_parameter(request, "class"),
            instrument=request.query_params.get("instrument", ""),
            blind=choice_parameter(request, "blind", ("1",)) == "1",
            simulated=flag_parameter(request, "simulated"),
        )
        rows = dashboard.vetted(user, span)
        chosen = dashboard.narrowed(rows, span)
        numbers = dashboard.numbers(user, span, rows)
        wait = numbers["median_wait"]
        body = {
            **numbers,
            "median_wait": None if wait is None else wait.total_seconds(),
            "by_class": dashboard.shares(chosen, "class_name"),
            "by_instrument": dashboard.shares(chosen, "instrument"),
            "reliability": reliability(chosen),
        }
        return Response(NightSerializer(body).data)
