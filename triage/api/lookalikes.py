"""Look-alikes: vetted spectra that lie near a spectrum in the network's embedding."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.attribution import visible_prediction
from triage.api.base import user_of
from triage.api.errors import error_answers
from triage.review.lookalikes import look_alikes


class TwinSerializer(serializers.Serializer[Any]):
    """A look-alike.

    class_name, reviewer, redshift: the reviewer's own classification of its transient.
    likeness: cosine of the angle between the two embeddings; 1 is most alike.
    """

    spectrum = serializers.IntegerField(source="spectrum.pk")
    transient = serializers.CharField(source="spectrum.transient.name")
    class_name = serializers.CharField()
    reviewer = serializers.CharField()
    redshift = serializers.FloatField(allow_null=True)
    likeness = serializers.FloatField()


class TwinsView(APIView):
    """Look-alikes of one spectrum."""

    @extend_schema(responses={200: TwinSerializer(many=True)} | error_answers(404))
    def get(self, request: Request, spectrum_id: int) -> Response:
        """Vetted spectra that look like this one to the network, the most alike first."""
        alike = look_alikes(user_of(request), visible_prediction(request, spectrum_id))
        return Response(TwinSerializer(alike, many=True).data)
