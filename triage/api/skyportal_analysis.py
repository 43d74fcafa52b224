"""Analysis service: a SkyPortal pushes spectra here and is sent the network's answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import checked, user_of
from triage.api.errors import error_answers
from triage.api.parsers import LongJSONParser
from triage.api.schema import request_example
from triage.models import Scope
from triage.services.fields import moment, text
from triage.services.skyportal import analysis
from triage.services.skyportal.remote_records import redshift_in

# Time within which a SkyPortal takes an answer, if its push does not say.
TIME_TO_ANSWER = timedelta(minutes=15)
MOST_CHARACTERS = 20_000_000
_EXAMPLES = [
    request_example(
        "a push",
        {
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
]


class PushSerializer(serializers.Serializer[dict[str, Any]]):
    """A push, as a SkyPortal sends it to an analysis service. Other fields are ignored."""

    callback_url = serializers.CharField(max_length=2000)
    callback_method = serializers.ChoiceField(choices=["POST"], default="POST")
    invalid_after = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="Time until which the answer is taken; UTC if it has no offset.",
    )
    resource_id = serializers.CharField(required=False, allow_blank=True)
    inputs = serializers.DictField(help_text="“spectra” and “redshift”, each a table as CSV.")
    analysis_parameters = serializers.DictField(
        required=False, help_text='{"blind": true} classifies without the redshift.'
    )

    def validate_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs. Raises ValidationError if the spectra are no text, or too long."""
        spectra = inputs.get("spectra")
        if not isinstance(spectra, str) or "\0" in spectra or len(spectra) > MOST_CHARACTERS:
            raise serializers.ValidationError("spectra must be a table as CSV")
        return inputs


class PendingSerializer(serializers.Serializer[dict[str, Any]]):
    """A push that was accepted."""

    status = serializers.CharField()
    message = serializers.CharField()
    id = serializers.IntegerField()


class AnalysisView(APIView):
    """The address to register at a SkyPortal as an analysis service."""

    parser_classes = (LongJSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(
        request=PushSerializer,
        responses={200: PendingSerializer} | error_answers(400, 404, 409, 413),
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Take spectra from a SkyPortal, and send the result to ``callback_url`` before ``invalid_after``.

        The answer to this request comes at once. The callback must lie on a SkyPortal that this desk is connected to,
        through a connection that you may see.
        """
        job = analysis.accept(user_of(request), _push(checked(PushSerializer, request.data)))
        return Response({"status": "pending", "message": "the spectra are being classified", "id": job.pk})


def _push(sent: dict[str, Any]) -> analysis.Push:
    parameters = sent.get("analysis_parameters") or sent["inputs"].get("analysis_parameters")
    blind = isinstance(parameters, dict) and str(parameters.get("blind")).lower() in {"true", "1", "yes"}
    return analysis.Push(
        callback_url=sent["callback_url"],
        invalid_after=moment(sent.get("invalid_after")) or timezone.now() + TIME_TO_ANSWER,
        remote_name=text(sent.get("resource_id", ""), 200),
        spectra=sent["inputs"]["spectra"],
        redshift=None if blind else redshift_in(sent["inputs"].get("redshift")),
    )
