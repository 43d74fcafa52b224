"""Measurement of one line of a spectrum."""

from __future__ import annotations

import dataclasses
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from classifier.errors import SpectrumError
from classifier.line_measurement import candidates, measure_line
from classifier.lines import elements_of
from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift
from triage.api.base import checked, spectrum_of
from triage.api.errors import error_answers
from triage.api.fields import RedshiftField
from triage.errors import UnmeasurableLineError
from triage.models import SpectrumArrays
from triage.models.arrays import unpack


class StretchSerializer(serializers.Serializer[dict[str, float]]):
    """The stretch to measure, and the redshift for velocities."""

    low = serializers.FloatField(help_text="First wavelength, Å, in the frame of the spectrum.")
    high = serializers.FloatField(help_text="Last wavelength, Å.")
    redshift = RedshiftField(required=False, help_text="Redshift of the transient; without it there are no velocities.")

    def validate(self, attrs: dict[str, float]) -> dict[str, float]:
        """Return the fields. Raises ValidationError for a stretch without width and an impossible redshift."""
        if not attrs["low"] < attrs["high"]:
            raise ValidationError("low must be less than high")
        if "redshift" in attrs and not is_plausible_redshift(attrs["redshift"]):
            raise ValidationError(f"a redshift must lie {PLAUSIBLE_REDSHIFTS}")
        return attrs


class ValueSerializer(serializers.Serializer[Any]):
    """A value with its 1σ error."""

    value = serializers.FloatField()
    error = serializers.FloatField()


class CandidateSerializer(serializers.Serializer[Any]):
    """A known line that the measured one may be. The velocity is in km/s, negative towards us."""

    name = serializers.CharField()
    rest = serializers.FloatField(help_text="Rest wavelength in air, Å.")
    velocity = ValueSerializer()


class MeasuredLineSerializer(serializers.Serializer[Any]):
    """Measured properties of a line. Wavelengths are in Å, in the frame of the spectrum.

    emission: whether it stands above the continuum, all in all.
    fwhm: full width at half maximum, not corrected for the instrument; null for a line within the noise.
    equivalent_width: positive for absorption; null if the continuum is not positive.
    minimum: the deepest absorption; null if nothing lies below the continuum.
    continuum: continuum at both ends of the stretch, in the unit of the flux.
    lines: known lines that it may be, those of the predicted class first.
    """

    emission = serializers.BooleanField()
    centre = ValueSerializer()
    fwhm = ValueSerializer(allow_null=True)
    equivalent_width = ValueSerializer(allow_null=True)
    minimum = ValueSerializer(allow_null=True)
    continuum = serializers.ListField(child=serializers.FloatField())
    lines = CandidateSerializer(many=True)


class LineView(APIView):
    """One line of a spectrum."""

    @extend_schema(parameters=[StretchSerializer], responses={200: MeasuredLineSerializer} | error_answers(400, 404))
    def get(self, request: Request, spectrum_id: int) -> Response:
        """Measure the line between two wavelengths, over a straight continuum between the stretch's ends."""
        spectrum = spectrum_of(request, spectrum_id)
        sent = checked(StretchSerializer, request.query_params)
        stored = SpectrumArrays.objects.filter(spectrum=spectrum).first()
        if stored is None:
            raise NotFound("this spectrum could not be read; its original file is kept")
        error = None if stored.flux_error is None else unpack(stored.flux_error)
        try:
            measured = measure_line(unpack(stored.wavelength), unpack(stored.flux), error, sent["low"], sent["high"])
        except SpectrumError as failure:
            raise UnmeasurableLineError(failure.message) from failure
        redshift = 0.0 if spectrum.at_rest else sent.get("redshift")
        likely = elements_of(_class_seen(spectrum))
        lines = [] if redshift is None else candidates(measured, redshift, likely, vacuum=spectrum.in_vacuum)
        return Response(MeasuredLineSerializer({**dataclasses.asdict(measured), "lines": lines}).data)


def _class_seen(spectrum: Any) -> str | None:
    """Return the predicted class, or None while it is hidden from the user."""
    prediction = None if spectrum.hidden else spectrum.current_prediction
    return prediction.class_name if prediction else None
