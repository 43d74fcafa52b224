"""Corrections of a stored spectrum: read its file again, or move it to another transient."""

from __future__ import annotations

import dataclasses
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.readers import CHOICES, Corrections
from triage.api.base import checked, spectrum_of, user_of
from triage.api.errors import ErrorSerializer
from triage.api.schema import request_example
from triage.intake.move import move
from triage.intake.reread import read_again
from triage.intake.submit import Submission
from triage.models import Scope, Spectrum

CORRECTIONS = tuple(field.name for field in dataclasses.fields(Corrections))
_REREAD_EXAMPLES = [
    request_example("in nm", {"wavelength_unit": "nm"}),
    request_example("at rest", {"frame": "rest"}),
]


class PartSerializer(serializers.Serializer[Spectrum]):
    """One spectrum of an uploaded file."""

    id = serializers.IntegerField(source="pk")
    state = serializers.CharField()
    transient = serializers.CharField(source="transient.name", allow_null=True, default=None)
    part = serializers.CharField(
        source="receipt.part", allow_null=True, default=None, help_text="Its name in the file, null if it has none."
    )
    member = serializers.CharField(
        source="receipt.member", allow_null=True, default=None, help_text="The file in the archive that it comes from."
    )


class SubmissionSerializer(serializers.Serializer[Submission]):
    """A file that was read."""

    id = serializers.IntegerField(source="spectrum.pk")
    state = serializers.CharField(source="spectrum.state")
    transient = serializers.CharField(source="spectrum.transient.name", allow_null=True, default=None)
    receipt = serializers.DictField(source="spectrum.receipt")
    others = PartSerializer(many=True, help_text="The other spectra of a file that holds several.")


class UnreadableSerializer(ErrorSerializer):
    """A request that was refused; with receipt, id and state if a file could not be read."""

    receipt = serializers.DictField(required=False)
    id = serializers.IntegerField(required=False)
    state = serializers.CharField(required=False)


def _choice(name: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=CHOICES[name], required=False)


class CorrectionsSerializer(serializers.Serializer[dict[str, Any]]):
    """Statements that replace the reader's guesses about a file. Columns count from 0."""

    wavelength_unit = _choice("wavelength_unit")
    flux_kind = _choice("flux_kind")
    third_column = _choice("third_column")
    frame = _choice("frame")
    medium = _choice("medium")
    wavelength_column = serializers.IntegerField(required=False, min_value=0, max_value=99)
    flux_column = serializers.IntegerField(required=False, min_value=0, max_value=99)
    target = serializers.CharField(
        required=False, max_length=60, help_text="TARGETID of the spectrum to read, for a file with many targets."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields. Raises ValidationError if one was sent that does not exist."""
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(f"there is no “{min(unknown)}”; choose from {', '.join(self.fields)}")
        return attrs


class RereadView(APIView):
    """Another reading of one spectrum's file."""

    parser_classes = (JSONParser, FormParser)
    scope = Scope.UPLOAD

    @extend_schema(
        request=CorrectionsSerializer,
        examples=_REREAD_EXAMPLES,
        responses={202: SubmissionSerializer, 400: UnreadableSerializer},
    )
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Read the original file again with corrections, such as {"wavelength_unit": "nm"}.

        An empty object goes back to the reader's own guesses.
        """
        corrections = checked(CorrectionsSerializer, request.data)
        spectrum = read_again(user_of(request), spectrum_of(request, spectrum_id), corrections)
        return Response(SubmissionSerializer(Submission(spectrum, created=False)).data, status=202)


class MoveSerializer(serializers.Serializer[dict[str, str]]):
    """The transient that a spectrum belongs to."""

    transient = serializers.CharField(max_length=120)


class MoveView(APIView):
    """Another transient for one spectrum."""

    parser_classes = (JSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(request=MoveSerializer, responses={200: PartSerializer})
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Move the spectrum to another transient. If there is none of that name, it is made."""
        name = checked(MoveSerializer, request.data)["transient"]
        return Response(PartSerializer(move(user_of(request), spectrum_of(request, spectrum_id), name)).data)
