"""Data of one spectrum: its samples and its original file."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import spectrum_of
from triage.api.errors import error_answers
from triage.export.originals import original_file
from triage.models import SpectrumArrays
from triage.models.arrays import unpack


class ArraysSerializer(serializers.Serializer[dict[str, Any]]):
    """Samples of a spectrum. wavelength is in Å; flux_error is 1σ, or null if the file has no errors."""

    id = serializers.IntegerField()
    wavelength = serializers.ListField(child=serializers.FloatField())
    flux = serializers.ListField(child=serializers.FloatField())
    flux_error = serializers.ListField(child=serializers.FloatField(), allow_null=True)


class SpectrumArraysView(APIView):
    """Samples of one spectrum."""

    @extend_schema(responses={200: ArraysSerializer} | error_answers(404))
    def get(self, request: Request, spectrum_id: int) -> Response:
        """Samples as they were read: wavelength in Å, flux, and the 1σ error or null."""
        spectrum = spectrum_of(request, spectrum_id)
        stored = SpectrumArrays.objects.filter(spectrum=spectrum).first()
        if stored is None:
            raise NotFound("this spectrum could not be read; its original file is kept")
        error = None if stored.flux_error is None else unpack(stored.flux_error).tolist()
        wavelength, flux = unpack(stored.wavelength).tolist(), unpack(stored.flux).tolist()
        return Response({"id": spectrum.pk, "wavelength": wavelength, "flux": flux, "flux_error": error})


class SpectrumOriginalView(APIView):
    """Original file of one spectrum."""

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY} | error_answers(400, 404))
    def get(self, request: Request, spectrum_id: int) -> HttpResponse:
        """Original file, byte for byte as it was sent."""
        return original_file(spectrum_of(request, spectrum_id))
