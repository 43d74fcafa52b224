"""Corrections of facts about spectra and transients, their history, and how to undo them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import spectrum_of, transient_of, user_of
from triage.api.errors import error_answers
from triage.api.fields import RedshiftField
from triage.intake.facts import undo_spectrum_act, undo_transient_act
from triage.models import Scope
from triage.models.names import validate_transient_name


class OnlyKnownFields(serializers.Serializer[dict[str, Any]]):
    """Fields of which some are sent; one that does not exist is refused."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields. Raises ValidationError if one was sent that does not exist."""
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(f"there is no “{min(unknown)}”; choose from {', '.join(self.fields)}")
        return attrs


class SpectrumFactsSerializer(OnlyKnownFields):
    """Facts about a spectrum that can be corrected. What is not sent stays as it is; null means unknown."""

    observed_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Time of observation, UTC.")
    instrument = serializers.CharField(required=False, max_length=120, allow_blank=True)
    observer = serializers.CharField(required=False, max_length=120, allow_blank=True)
    redshift = RedshiftField(required=False, allow_null=True, help_text="The network classifies it again.")
    comment = serializers.CharField(required=False, max_length=2000, allow_blank=True)
    group = serializers.CharField(
        required=False, help_text="“everybody”, one of your groups, or “only me”; the sender alone may change it."
    )


class TransientFactsSerializer(OnlyKnownFields):
    """Facts about a transient that can be corrected. What is not sent stays as it is; null means unknown."""

    name = serializers.CharField(required=False, max_length=120, validators=[validate_transient_name])
    other_names = serializers.ListField(
        child=serializers.CharField(max_length=120, validators=[validate_transient_name]),
        required=False,
        help_text="All names beside the first that everybody may know.",
    )
    ra = serializers.FloatField(required=False, allow_null=True, help_text="Degrees, ICRS.")
    dec = serializers.FloatField(required=False, allow_null=True, help_text="Degrees, ICRS.")
    redshift = RedshiftField(required=False, allow_null=True, help_text="The network classifies again with it.")
    redshift_error = serializers.FloatField(required=False, allow_null=True, min_value=0)
    redshift_origin = serializers.CharField(required=False, max_length=40, allow_blank=True)
    ebv = serializers.FloatField(
        required=False, allow_null=True, min_value=0, help_text="Reddening E(B−V) in the Milky Way, mag."
    )
    host = serializers.CharField(required=False, max_length=120, allow_blank=True)


class ActSerializer(serializers.Serializer[Any]):
    """One act: somebody did something with a spectrum, or corrected a transient."""

    id = serializers.IntegerField(source="pk")
    kind = serializers.CharField(default="facts")
    user = serializers.CharField(source="user.username", default=None, allow_null=True)
    at = serializers.DateTimeField(source="created_at")
    detail = serializers.DictField(help_text="For corrected facts, each fact's value before and after.")


class SpectrumActsView(APIView):
    """History of one spectrum."""

    @extend_schema(responses={200: ActSerializer(many=True)} | error_answers(404))
    def get(self, request: Request, spectrum_id: int) -> Response:
        """List the acts on the spectrum, newest first."""
        acts = spectrum_of(request, spectrum_id).acts.visible_to(user_of(request)).select_related("user")
        return Response(ActSerializer(acts, many=True).data)


class UndoSpectrumActView(APIView):
    """Undoing of one act."""

    scope = Scope.UPLOAD

    @extend_schema(request=None, responses={200: ActSerializer(many=True)} | error_answers(404, 409))
    def post(self, request: Request, spectrum_id: int, act_id: int) -> Response:
        """Undo a correction, a move or another reading, and return the history."""
        user = user_of(request)
        acts = spectrum_of(request, spectrum_id).acts.visible_to(user)
        undo_spectrum_act(user, get_object_or_404(acts, pk=act_id))
        return Response(ActSerializer(acts.select_related("user"), many=True).data)


class TransientActsView(APIView):
    """History of one transient."""

    @extend_schema(responses={200: ActSerializer(many=True)} | error_answers(404))
    def get(self, request: Request, name: str) -> Response:
        """List the corrections of the transient, newest first."""
        acts = transient_of(request, name).acts.visible_to(user_of(request)).select_related("user")
        return Response(ActSerializer(acts, many=True).data)


class UndoTransientActView(APIView):
    """Undoing of one correction."""

    @extend_schema(request=None, responses={200: ActSerializer(many=True)} | error_answers(404, 409))
    def post(self, request: Request, name: str, correction_id: int) -> Response:
        """Undo a correction and return the history."""
        user = user_of(request)
        acts = transient_of(request, name).acts.visible_to(user)
        undo_transient_act(user, get_object_or_404(acts, pk=correction_id))
        return Response(ActSerializer(acts.select_related("user"), many=True).data)
