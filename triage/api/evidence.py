"""Why the network says so: the wavelengths that spoke for a class, and vetted spectra that look alike."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import evidence
from triage.api.base import user_of
from triage.api.serializers import ErrorSerializer
from triage.api.views import spectrum_of
from triage.models import Prediction, PredictionEvidence
from triage.twins import twins


class TwinSerializer(serializers.Serializer[Any]):
    """likeness: cosine of the angle between the network's embeddings, up to 1. redshift: the reviewer's own."""

    spectrum = serializers.IntegerField(source="spectrum.pk")
    transient = serializers.CharField(source="spectrum.transient.name")
    class_name = serializers.CharField()
    reviewer = serializers.CharField()
    redshift = serializers.FloatField(allow_null=True)
    likeness = serializers.FloatField()


class EvidenceSerializer(serializers.Serializer[Any]):
    """wavelength: Å, in the frame that the spectrum came in. contribution: how much each spoke for it, -1 to 1."""

    class_name = serializers.CharField()
    wavelength = serializers.ListField(child=serializers.FloatField())
    contribution = serializers.ListField(child=serializers.FloatField())


def _prediction(request: Request, spectrum_id: int) -> Prediction:
    """404 too where it is hidden from a reviewer whose own vote is wanted."""
    spectrum: Any = spectrum_of(request, spectrum_id)
    if spectrum.hidden or spectrum.current_prediction is None:
        raise NotFound("there is no prediction of this spectrum to be seen")
    prediction: Prediction = spectrum.current_prediction
    return prediction


class TwinsView(APIView):
    @extend_schema(responses={200: TwinSerializer(many=True), 404: ErrorSerializer})
    def get(self, request: Request, spectrum_id: int) -> Response:
        """Vetted spectra that look like this one to the network, most alike first."""
        found = twins(user_of(request), _prediction(request, spectrum_id))
        return Response(TwinSerializer(found, many=True).data)


class EvidenceView(APIView):
    @extend_schema(responses={200: EvidenceSerializer, 404: ErrorSerializer})
    def get(self, request: Request, spectrum_id: int) -> Response:
        """Which wavelengths spoke for the class."""
        spoke = PredictionEvidence.objects.filter(prediction=_prediction(request, spectrum_id)).first()
        if spoke is None:
            raise NotFound("nothing is stored of what spoke for this prediction")
        wavelength, contribution = evidence.contribution(spoke)
        body = {"wavelength": wavelength.tolist(), "contribution": contribution.tolist()}
        return Response({"class_name": spoke.class_name, **body})
