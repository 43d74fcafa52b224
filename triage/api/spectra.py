"""Spectra: upload a file, list spectra, show one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api import filters
from triage.api.base import (
    FIELDS,
    NewestFirst,
    SparseFields,
    checked,
    group_of,
    spectrum_of,
    user_of,
    visible_spectra,
)
from triage.api.corrections import (
    SubmissionSerializer,
    UnreadableSerializer,
)
from triage.api.errors import error_answers
from triage.api.facts import SpectrumFactsSerializer
from triage.api.parsers import StorableJSONParser
from triage.api.predictions import PredictionSerializer, without_hidden_prediction
from triage.api.upload_form import UPLOAD_EXAMPLES, KnownFileSerializer, UploadSerializer, stated_in, take_in
from triage.intake.facts import correct_spectrum
from triage.models import Scope, Spectrum
from triage.queue.misfit import misfits


class SpectrumSerializer(SparseFields, serializers.ModelSerializer[Spectrum]):
    """A spectrum without its samples.

    transient: name of the transient, null until the spectrum is named.
    state: queued (waits for the network), classified, failed (could not be classified) or quarantined (unreadable).
    group: the group that may see it, null for everybody.
    part: its place in a file of several spectra, from 0.
    reading: how often the file was read; every correction adds one.
    observed_at: UTC, null if unknown.
    stated_redshift: the redshift that was sent with the file.
    wavelength_range: first and last wavelength, Å.
    rejected: whether a reviewer called it a bad spectrum.
    receipt: how the file was read.
    corrections: statements that replace the reader's guesses.
    likely_duplicate_of: an earlier spectrum with the same samples in another file.
    discarded: whether somebody put it aside.
    error: why it could not be read or classified.
    prediction: null until it is classified, and while it is hidden because your blind vote is wanted.
    """

    transient = serializers.CharField(source="transient.name", read_only=True, allow_null=True, default=None)
    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    receipt = serializers.DictField(read_only=True)
    corrections = serializers.DictField(read_only=True)
    filename = serializers.CharField(
        source="file_label", read_only=True, help_text="Name of the file; in an archive “night.zip: a/b.fits”."
    )
    prediction = PredictionSerializer(source="current_prediction", read_only=True, allow_null=True)
    error = serializers.SerializerMethodField()
    wavelength_range = serializers.SerializerMethodField()

    class Meta:
        model = Spectrum
        fields = (
            "id",
            "state",
            "transient",
            "group",
            "filename",
            "sha256",
            "part",
            "reading",
            "observed_at",
            "instrument",
            "observer",
            "comment",
            "stated_redshift",
            "wavelength_range",
            "rejected",
            "simulated",
            "receipt",
            "corrections",
            "likely_duplicate_of",
            "discarded",
            "error",
            "prediction",
            "created_at",
            "processed_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: Spectrum) -> dict[str, Any]:
        """Return the row, with null for a prediction that is hidden from the user."""
        return without_hidden_prediction(instance, super().to_representation(instance))

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": {"type": "string"}})
    def get_error(self, spectrum: Spectrum) -> dict[str, str] | None:
        """Return the code and the reason of a failure, or None."""
        if not spectrum.failure_code:
            return None
        return {"code": spectrum.failure_code, "message": spectrum.failure_reason}

    @extend_schema_field({"type": "array", "items": {"type": "number"}, "nullable": True})
    def get_wavelength_range(self, spectrum: Spectrum) -> list[float] | None:
        """Return the first and the last wavelength in Å, or None if the file could not be read."""
        if spectrum.wavelength_min is None or spectrum.wavelength_max is None:
            return None
        return [spectrum.wavelength_min, spectrum.wavelength_max]


class SpectrumDetailSerializer(SpectrumSerializer):
    """A spectrum without its samples, and how it fits its transient."""

    misfit = serializers.SerializerMethodField(
        help_text="How it contradicts the class or the redshift that is known of its transient; empty if it does not."
    )

    class Meta:
        model = Spectrum
        fields = (*SpectrumSerializer.Meta.fields, "misfit")
        read_only_fields = fields

    def get_misfit(self, spectrum: Spectrum) -> str:
        """Return the contradiction in words, or "" without one or while the prediction is hidden from the user."""
        if spectrum.hidden:
            return ""
        return misfits(user_of(self.context["request"]), [spectrum]).get(spectrum.pk, "")


@extend_schema_view(get=extend_schema(parameters=[filters.SpectrumFilter, FIELDS]))
class SpectraView(generics.ListAPIView[Spectrum]):
    """Spectra that you may see, newest first."""

    serializer_class = SpectrumSerializer
    pagination_class = NewestFirst
    parser_classes = (MultiPartParser, FormParser)
    scope = Scope.UPLOAD

    def get_queryset(self) -> QuerySet[Spectrum]:
        """Return the spectra that the user may see and the filter lets through."""
        sent = filters.read(filters.SpectrumFilter, self.request)
        return filters.SpectrumFilter.narrow(visible_spectra(user_of(self.request)), sent)

    @extend_schema(
        request=UploadSerializer,
        responses={200: KnownFileSerializer, 202: SubmissionSerializer, 400: UnreadableSerializer}
        | error_answers(404, 413),
        examples=UPLOAD_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Upload a spectrum file.

        202: the file is stored and waits for the network. 200: the same file was sent before, and the answer is its
        first record. 400: the file cannot be read; it is kept in quarantine, where it can be corrected.
        """
        sent = checked(UploadSerializer, request.data)
        [(_, answer)] = take_in(request, [sent["file"]], stated_in(request, sent))
        return answer


class SpectrumView(APIView):
    """One spectrum."""

    parser_classes = (StorableJSONParser,)
    scope = Scope.UPLOAD

    @extend_schema(parameters=[FIELDS], responses={200: SpectrumDetailSerializer} | error_answers(404))
    def get(self, request: Request, spectrum_id: int) -> Response:
        """State, receipt and current prediction of a spectrum."""
        spectrum = spectrum_of(request, spectrum_id)
        return Response(SpectrumDetailSerializer(spectrum, context={"request": request}).data)

    @extend_schema(
        request=SpectrumFactsSerializer, responses={200: SpectrumDetailSerializer} | error_answers(403, 404, 409)
    )
    def patch(self, request: Request, spectrum_id: int) -> Response:
        """Correct facts about a spectrum. Who corrected what is kept, and can be undone."""
        user, facts = user_of(request), checked(SpectrumFactsSerializer, request.data)
        if "group" in facts:
            facts["group"] = group_of(user, facts["group"])
        correct_spectrum(user, spectrum_of(request, spectrum_id), facts)
        return self.get(request, spectrum_id)
