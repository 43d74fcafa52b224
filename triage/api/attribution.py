"""Attribution: how much each wavelength spoke for the predicted class."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import spectrum_of
from triage.api.errors import error_answers
from triage.inference import attribution
from triage.models import Prediction, PredictionEvidence


class EvidenceSerializer(serializers.Serializer[dict[str, Any]]):
    """Attribution of a prediction.

    wavelength: Å, in the frame that the spectrum came in.
    contribution: how much each wavelength spoke for the class, -1 (against) to 1 (for).
    """

    class_name = serializers.CharField()
    wavelength = serializers.ListField(child=serializers.FloatField())
    contribution = serializers.ListField(child=serializers.FloatField())


def visible_prediction(request: Request, spectrum_id: int) -> Prediction:
    """Return the current prediction of a spectrum.

    Raises NotFound if there is none, or if it is hidden because the user's blind vote is wanted.
    """
    spectrum = spectrum_of(request, spectrum_id)
    if spectrum.hidden or spectrum.current_prediction is None:
        raise NotFound("this spectrum has no prediction that you may see")
    return spectrum.current_prediction


class EvidenceView(APIView):
    """Attribution of one spectrum's prediction."""

    @extend_schema(responses={200: EvidenceSerializer} | error_answers(404))
    def get(self, request: Request, spectrum_id: int) -> Response:
        """Attribution of the current prediction: how much each wavelength spoke for the predicted class."""
        prediction = visible_prediction(request, spectrum_id)
        stored = PredictionEvidence.objects.filter(prediction=prediction).first()
        if stored is None:
            raise NotFound("the attribution of this prediction was not stored")
        wavelength, contribution = attribution.contribution(stored)
        body = {"wavelength": wavelength.tolist(), "contribution": contribution.tolist()}
        return Response({"class_name": stored.class_name, **body})
