"""Corrections of a stored spectrum: read its file again, or move it to another transient."""

from __future__ import annotations

import dataclasses

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.readers import CHOICES, Corrections
from classifier.readers.receipt import LEAST_TAKEN, MOST_TAKEN
from triage.api.base import checked, spectrum_of, user_of
from triage.api.errors import ErrorSerializer
from triage.api.facts import OnlyKnownFields
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.intake.known import other_parts
from triage.intake.move import move
from triage.intake.naming import NamedBy
from triage.intake.reread import read_again
from triage.intake.submit import Submission
from triage.intake.suggestions import Suggestion, count_epochs, suggested_names
from triage.models import Scope, Spectrum

CORRECTIONS = tuple(field.name for field in dataclasses.fields(Corrections))
_REREAD_EXAMPLES = [
    request_example("in nm", {"wavelength_unit": "nm"}),
    request_example("at rest", {"frame": "rest"}),
    request_example("without the host", {"host_light": 0.48}),
]


class SuggestionSerializer(serializers.Serializer[Suggestion]):
    """A name that an unnamed spectrum may have, and why."""

    name = serializers.CharField()
    why = serializers.CharField()


class NamingSerializer(serializers.Serializer[Spectrum]):
    """The way in which a spectrum came to its transient; count_epochs has counted its epochs."""

    named_by = serializers.ChoiceField(
        choices=[by.value for by in NamedBy],
        source="receipt.named_by",
        allow_null=True,
        default=None,
        help_text="Who named it; null while it has no name. A name from the file's name is a guess.",
    )
    epochs = serializers.IntegerField(
        source="epoch_count", help_text="Number of spectra of its transient that you may see."
    )
    suggestions = serializers.SerializerMethodField(help_text="Names that it may have, if it has none.")

    @extend_schema_field(SuggestionSerializer(many=True))
    def get_suggestions(self, spectrum: Spectrum) -> list[dict[str, str]]:
        """Return names for an unnamed spectrum."""
        if spectrum.transient_id is not None:
            return []
        return [dataclasses.asdict(one) for one in suggested_names(user_of(self.context["request"]), spectrum)]


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
    likely_duplicate_of = serializers.IntegerField(
        source="likely_duplicate_of_id",
        allow_null=True,
        help_text="The stored spectrum with the same samples, or null.",
    )


class SubmissionSerializer(serializers.Serializer[Submission]):
    """A file that was read."""

    id = serializers.IntegerField(source="spectrum.pk")
    state = serializers.CharField(source="spectrum.state")
    transient = serializers.CharField(source="spectrum.transient.name", allow_null=True, default=None)
    naming = NamingSerializer(source="spectrum")
    receipt = serializers.DictField(source="spectrum.receipt")
    likely_duplicate_of = serializers.IntegerField(
        source="spectrum.likely_duplicate_of_id",
        allow_null=True,
        help_text="The stored spectrum with the same samples, or null.",
    )
    others = PartSerializer(many=True, help_text="The other spectra of a file that holds several.")


class UnreadableSerializer(ErrorSerializer):
    """A request that was refused; with receipt, id and state if a file could not be read."""

    receipt = serializers.DictField(required=False)
    id = serializers.IntegerField(required=False)
    state = serializers.CharField(required=False)


def _choice(name: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=CHOICES[name], required=False)


class CorrectionsSerializer(OnlyKnownFields):
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


class RereadSerializer(CorrectionsSerializer):
    """Statements about a spectrum that is read again."""

    host_light = serializers.FloatField(
        required=False,
        min_value=LEAST_TAKEN,
        max_value=MOST_TAKEN,
        help_text="Share of the light between 4000 and 7000 Å (rest frame) that is the host's, which is taken off at "
        "the known redshift.",
    )


class RereadView(APIView):
    """Another reading of one spectrum's file."""

    parser_classes = (StorableJSONParser, FormParser)
    scope = Scope.UPLOAD

    @extend_schema(
        request=RereadSerializer,
        examples=_REREAD_EXAMPLES,
        responses={202: SubmissionSerializer, 400: UnreadableSerializer},
    )
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Read the original file again with corrections, such as {"wavelength_unit": "nm"}.

        An empty object goes back to the reader's own guesses. {"host_light": 0.48} classifies without the host; the
        prediction with the host stays.
        """
        corrections = checked(RereadSerializer, request.data)
        user = user_of(request)
        spectrum = read_again(user, spectrum_of(request, spectrum_id), corrections)
        count_epochs(user, spectrum)
        submission = Submission(spectrum, created=False, others=other_parts(spectrum))
        return Response(SubmissionSerializer(submission, context={"request": request}).data, status=202)


class MoveSerializer(serializers.Serializer[dict[str, str | None]]):
    """The transient that a spectrum belongs to, or null to leave it unnamed."""

    transient = serializers.CharField(max_length=120, allow_null=True)


class MovedSerializer(PartSerializer):
    """A spectrum that was moved."""

    naming = NamingSerializer(source="*")


class MoveView(APIView):
    """Another transient for one spectrum."""

    parser_classes = (StorableJSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(request=MoveSerializer, responses={200: MovedSerializer})
    def post(self, request: Request, spectrum_id: int) -> Response:
        """Name the spectrum, or move it to another transient. If there is none of that name, it is made.

        Null takes a wrong name away: the spectrum then waits for the right one.
        """
        name = checked(MoveSerializer, request.data)["transient"] or ""
        user = user_of(request)
        moved = move(user, spectrum_of(request, spectrum_id), name)
        count_epochs(user, moved)
        return Response(MovedSerializer(moved, context={"request": request}).data)
