"""Decisions: record a verdict on a transient, or undo one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import checked, transient_of, user_of
from triage.api.errors import error_answers
from triage.api.fields import RedshiftField
from triage.api.parsers import StorableJSONParser
from triage.api.schema import answer_example, request_example
from triage.models import Decision, Verdict
from triage.review import decisions
from triage.review.proposal import Proposal

_EXAMPLES = [
    request_example("confirm what was seen", {"verdict": "confirm", "prediction": 31}),
    request_example(
        "another class", {"verdict": "override", "class_name": "SN Ibn", "redshift": 0.031, "comment": "narrow He I"}
    ),
    request_example("a bad spectrum", {"verdict": "bad_spectrum", "spectrum": 17}),
    answer_example("stale", {"code": "stale_prediction", "detail": "there is a newer prediction; look again"}, 409),
]


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """One row of the ledger, which is never changed.

    prediction: the prediction that the reviewer saw.
    spectrum: the spectrum that is bad, or that was looked at.
    blind: whether the prediction and earlier votes were hidden from the reviewer.
    decisions_seen: ids of the earlier decisions that the reviewer saw.
    needs_second: whether the policy at that time asked for a second reviewer.
    settles: whether it ends a dispute.
    batch: the batch of a bulk confirmation.
    supersedes: the decision that stood before, or the one that was undone.
    """

    decisions_seen = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    transient = serializers.CharField(source="transient.name", read_only=True)
    reviewer = serializers.CharField(source="reviewer.username", read_only=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices, read_only=True)

    class Meta:
        model = Decision
        fields = (
            "id",
            "transient",
            "verdict",
            "class_name",
            "redshift",
            "comment",
            "reviewer",
            "prediction",
            "spectrum",
            "blind",
            "decisions_seen",
            "needs_second",
            "settles",
            "batch",
            "supersedes",
            "created_at",
        )
        read_only_fields = fields


class ProposalSerializer(serializers.Serializer[dict[str, Any]]):
    """A decision to record.

    class_name: the class of an override.
    redshift: your own redshift; null for none.
    prediction: id of the prediction that you saw. If there is a newer one, the answer is 409.
    spectrum: id of the bad spectrum, or of the one that you looked at.
    blind: whether you decided without seeing the prediction.
    """

    verdict = serializers.ChoiceField(choices=[v.value for v in Verdict if v != Verdict.UNDO])
    class_name = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=60)
    redshift = RedshiftField(required=False, allow_null=True)
    comment = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    prediction = serializers.IntegerField(required=False, allow_null=True)
    spectrum = serializers.IntegerField(required=False, allow_null=True)
    blind = serializers.BooleanField(required=False, default=False)
    last_decision = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="Id of the newest decision that you saw, 0 if there was none. "
        "If somebody else has decided since, the answer is 409.",
    )


class DecisionsView(APIView):
    """Decisions on one transient."""

    parser_classes = (StorableJSONParser, FormParser, MultiPartParser)

    @extend_schema(
        request=ProposalSerializer,
        responses={201: DecisionSerializer} | error_answers(400, 404, 409),
        examples=_EXAMPLES,
    )
    def post(self, request: Request, name: str) -> Response:
        """Record a decision on a transient. Only “confirm” and “override” vet it.

        The same decision sent once more is not recorded again: the answer is the first one.
        """
        sent = {key: value for key, value in checked(ProposalSerializer, request.data).items() if value is not None}
        decision = decisions.record_decision(user_of(request), transient_of(request, name), Proposal(**sent))
        return Response(DecisionSerializer(decision).data, status=201)


class DecisionView(APIView):
    """One decision."""

    @extend_schema(responses={200: DecisionSerializer} | error_answers(403, 404, 409))
    def delete(self, request: Request, decision_id: int) -> Response:
        """Undo a decision of your own.

        Nothing is erased: the answer is a new row of the ledger, and the decision that stood before stands again.
        """
        row = decisions.undo(user_of(request), decision_id)
        return Response(DecisionSerializer(row).data)
