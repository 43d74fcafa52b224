"""Digest of a night: what came, what was vetted, what waits for votes, what is new and rare."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import user_of
from triage.api.classifications import ClassificationSerializer
from triage.api.errors import error_answers
from triage.api.parameters import SIMULATED, flag_parameter
from triage.export.digest import Digest, Rare, Waiting
from triage.export.night import Night


class ArrivedSerializer(serializers.Serializer[dict[str, Any]]):
    """Spectra that arrived in the night and have one predicted class."""

    name = serializers.CharField(help_text="Predicted class, or why there is none, in words.")
    count = serializers.IntegerField()


class RareSerializer(serializers.Serializer[Rare]):
    """A transient that came in the night and that the network finds rare or novel.

    spectrum: id of the spectrum that says so.
    vetted_class: vetted class that you may know, null for none.
    """

    transient = serializers.CharField()
    spectrum = serializers.IntegerField(source="spectrum.pk")
    predicted_class = serializers.CharField(source="prediction.class_name")
    probability = serializers.FloatField(source="prediction.probability")
    novelty = serializers.FloatField(source="prediction.novelty")
    reason = serializers.CharField(help_text="Why it is listed, in words.")
    vetted_class = serializers.SerializerMethodField()

    def get_vetted_class(self, row: Rare) -> str | None:
        return row.vetted_class or None


class WaitingSerializer(serializers.Serializer[Waiting]):
    """A transient that waits for votes now."""

    transient = serializers.CharField()
    state = serializers.ChoiceField(choices=["second_opinion", "disputed"])
    yours = serializers.BooleanField(help_text="Whether you may give the second opinion.")


class DigestSerializer(serializers.Serializer[dict[str, Any]]):
    """Digest of one night as you may see it. Each list has at most 200 rows.

    begin, end: noon to noon, UTC.
    """

    date = serializers.DateField(help_text="Day at whose noon the night begins, UTC.")
    begin = serializers.DateTimeField()
    end = serializers.DateTimeField()
    count = serializers.IntegerField(help_text="Number of spectra that arrived.")
    arrived = ArrivedSerializer(many=True)
    rare = RareSerializer(many=True)
    vetted = ClassificationSerializer(many=True)
    waiting = WaitingSerializer(many=True)


class DigestView(APIView):
    """Digest of a night."""

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "date",
                OpenApiTypes.DATE,
                description="Day at whose noon UTC the night begins. By default the running night, or the one before "
                "while nothing has come and nothing was vetted in the running one.",
            ),
            SIMULATED,
        ],
        responses={200: DigestSerializer} | error_answers(400),
    )
    def get(self, request: Request) -> Response:
        """Digest of a night: what came, what was vetted, what waits for votes, what is new and rare."""
        user, night, simulated = user_of(request), _night(request), flag_parameter(request, "simulated")
        digest = Digest.of(user, night, simulated) if night else Digest.latest(user, simulated)
        body = {
            "date": digest.night.day,
            "begin": digest.night.start,
            "end": digest.night.end,
            "count": digest.count,
            "arrived": [{"name": name, "count": number} for name, number in digest.arrived],
            "rare": digest.rare,
            "vetted": [{**row, "instrument": row["instrument"] or None} for row in digest.vetted],
            "waiting": digest.waiting,
        }
        return Response(DigestSerializer(body).data)


def _night(request: Request) -> Night | None:
    """Return the night that is asked for, or None without one. Raises ValidationError for any other text."""
    given = request.query_params.get("date", "")
    night = Night.read(given)
    if given and str(night) != given:
        raise ValidationError({"date": ["give the day of a night that has begun, such as 2026-11-26"]})
    return night
