"""Transients: the list, and one with its spectra and decisions."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api import filters
from triage.api.base import FIELDS, NewestArrivalFirst, SparseFields, checked, transient_of, user_of, visible_spectra
from triage.api.decisions import DecisionSerializer
from triage.api.errors import error_answers
from triage.api.facts import TransientFactsSerializer
from triage.api.parsers import StorableJSONParser
from triage.api.predictions import without_hidden_prediction
from triage.api.spectra import SpectrumSerializer
from triage.intake.facts import correct_transient
from triage.models import Decision, TnsRecord, Transient
from triage.queue.fused import FusedAnswer, fused_answer


class TnsRecordSerializer(serializers.ModelSerializer[TnsRecord]):
    """Answer of the Transient Name Server about a transient.

    name: designation without prefix, "" if the TNS does not know the transient.
    class_name: object type there, "" if it is not classified.
    redshift: redshift there, null if unknown.
    spectra: public spectra there.
    """

    spectra = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))

    class Meta:
        model = TnsRecord
        fields = ("prefix", "name", "class_name", "redshift", "spectra", "asked_at")


class TransientSerializer(SparseFields, serializers.ModelSerializer[Transient]):
    """A transient.

    ra, dec: degrees, ICRS; null if unknown.
    redshift, redshift_error: known redshift and its 1σ error, null if unknown; 0.0 is a value.
    redshift_origin: origin of the redshift, such as “host”.
    ebv: reddening E(B−V) in the Milky Way in its direction, mag, null if unknown.
    host: name of the host galaxy, or "".
    simulated: whether it belongs to the demonstration.
    predicted_class: null if there is no prediction, or while it is hidden because your blind vote is wanted.
    uncertainty: 1 - the probability of the predicted class.
    """

    aliases = serializers.SerializerMethodField(help_text="Its other names, as far as you may know them.")
    state = serializers.ChoiceField(
        source="review_state",
        choices=filters.TRANSIENT_STATES,
        read_only=True,
        help_text="State of the review, by the page's name.",
    )
    review_state = serializers.SerializerMethodField(
        help_text="State after the decisions, by an older name: “vetted” for “done”."
    )
    tns = TnsRecordSerializer(
        read_only=True, allow_null=True, help_text="Answer of the TNS about it; null if it was not asked."
    )
    predicted_class = serializers.CharField(read_only=True, allow_null=True)
    uncertainty = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Transient
        fields: tuple[str, ...] = (
            "name",
            "aliases",
            "ra",
            "dec",
            "redshift",
            "redshift_error",
            "redshift_origin",
            "ebv",
            "host",
            "tns",
            "simulated",
            "created_at",
            "state",
            "review_state",
            "predicted_class",
            "uncertainty",
        )
        read_only_fields = fields

    @extend_schema_field(
        {
            "type": "string",
            "enum": ["pending", "vetted", "second_opinion", "disputed", "unsure", "bad_spectrum"],
        }
    )
    def get_review_state(self, transient: Transient) -> str:
        """Return the outcome of the decisions by its older name."""
        outcome = transient.standing_state
        return {"": "pending", "done": "vetted"}.get(outcome, outcome)

    def get_aliases(self, transient: Transient) -> list[str]:
        """Return the other names that the user may know."""
        return [other.name for other in transient.known_names]

    def to_representation(self, instance: Transient) -> dict[str, Any]:
        """Return the row, with null for what is hidden from a user whose blind vote is wanted."""
        shown = without_hidden_prediction(instance, super().to_representation(instance))
        # A class from elsewhere would lead a blind vote.
        return shown | {"tns": None} if instance.hidden and "tns" in shown else shown


class FusedAnswerSerializer(serializers.Serializer[FusedAnswer]):
    """The joint answer of the predictions of several spectra.

    class_name, probability: the most probable class.
    probabilities: probability of every class.
    epochs: how many predictions were joined.
    """

    class_name = serializers.CharField()
    probability = serializers.FloatField()
    probabilities = serializers.DictField(child=serializers.FloatField())
    epochs = serializers.IntegerField()
    contradictory = serializers.ListField(
        child=serializers.IntegerField(), help_text="Ids of the spectra that speak against it."
    )


class TransientDetailSerializer(TransientSerializer):
    """A transient with its spectra and its decisions, the decisions newest first.

    fused: the joint answer of the spectra, null if there is none.
    """

    spectra = SpectrumSerializer(source="visible_spectra", many=True, read_only=True)
    decisions = DecisionSerializer(source="visible_decisions", many=True, read_only=True)
    fused = serializers.SerializerMethodField()

    class Meta:
        model = Transient
        fields = (*TransientSerializer.Meta.fields, "fused", "spectra", "decisions")
        read_only_fields = fields

    @extend_schema_field(FusedAnswerSerializer(allow_null=True))
    def get_fused(self, transient: Transient) -> dict[str, Any] | None:
        """Return the joint answer of the spectra, or None if there is none or the user may not see it."""
        answer = None if transient.hidden else fused_answer(transient.visible_spectra)
        return None if answer is None else dataclasses.asdict(answer)


@extend_schema_view(get=extend_schema(parameters=[filters.TransientFilter, FIELDS]))
class TransientsView(generics.ListAPIView[Transient]):
    """Transients that you may see, newest first."""

    serializer_class = TransientSerializer
    pagination_class = NewestArrivalFirst

    def get_queryset(self) -> QuerySet[Transient]:
        """Return the transients that the user may see and the filter lets through."""
        user = user_of(self.request)
        sent = filters.read(filters.TransientFilter, self.request)
        rows = Transient.objects.for_review(user).with_other_names(user).select_related("tns_record")
        return filters.TransientFilter.narrow(rows, user, sent)


class TransientView(APIView):
    """One transient."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(
        request=TransientFactsSerializer, responses={200: TransientDetailSerializer} | error_answers(404, 409)
    )
    def patch(self, request: Request, name: str) -> Response:
        """Correct facts about a transient. Who corrected what is kept, and can be undone."""
        facts = checked(TransientFactsSerializer, request.data)
        corrected = correct_transient(user_of(request), transient_of(request, name), facts)
        return self.get(request, corrected.name)

    @extend_schema(parameters=[FIELDS], responses={200: TransientDetailSerializer} | error_answers(404))
    def get(self, request: Request, name: str) -> Response:
        """A transient with its spectra and its ledger of decisions, found by any name that you may know."""
        user = user_of(request)
        spectra: Prefetch[str] = Prefetch("spectra", visible_spectra(user).in_time_order(), to_attr="visible_spectra")
        decisions = Decision.objects.visible_to(user).select_related("reviewer", "transient")
        ledger: Prefetch[str] = Prefetch("decisions", decisions, to_attr="visible_decisions")
        rows = Transient.objects.for_review(user).with_other_names(user).prefetch_related(spectra, ledger, "tns_record")
        transient = rows.called(user, name)
        if transient is None:
            raise NotFound("there is no such transient")
        if transient.hidden:
            transient.visible_decisions = []
        return Response(TransientDetailSerializer(transient, context={"request": request}).data)
