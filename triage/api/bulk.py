"""Bulk confirmation: confirm the surest predictions together, or undo a batch."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api import filters
from triage.api.base import checked, user_of
from triage.api.errors import error_answers
from triage.api.parameters import SIMULATED, flag_parameter
from triage.api.parsers import StorableJSONParser
from triage.api.predictions import PredictionSerializer
from triage.review import bulk


class ThresholdSerializer(serializers.Serializer[dict[str, Any]]):
    """Least probability of a prediction that is proposed."""

    threshold = serializers.FloatField(
        default=bulk.USUAL_THRESHOLD, min_value=50, max_value=100, help_text="Least probability, percent."
    )


class ProposedSerializer(serializers.Serializer[dict[str, Any]]):
    """A transient that may be confirmed together with others.

    reason: reason for its place in the queue.
    """

    transient = serializers.CharField()
    simulated = serializers.BooleanField()
    reason = serializers.CharField()
    doubt = serializers.CharField(help_text="Reason to look at it before confirming it; empty if there is none.")
    prediction = PredictionSerializer()


class BulkPreviewSerializer(serializers.Serializer[dict[str, Any]]):
    """Transients that may be confirmed together. Send ``last_decision`` back with the confirmation."""

    last_decision = serializers.IntegerField()
    results = ProposedSerializer(many=True)


class BulkSerializer(serializers.Serializer[dict[str, Any]]):
    """Predictions to confirm.

    predictions: name of each transient with the id of the prediction that you saw.
    """

    predictions = serializers.DictField(child=serializers.IntegerField(), allow_empty=False)
    last_decision = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="Id of the newest decision that you saw. A transient that somebody else has decided on since is "
        "refused.",
    )

    def validate_predictions(self, predictions: dict[str, int]) -> dict[str, int]:
        """Return the predictions. Raises ValidationError for a name that the database cannot hold."""
        for name in predictions:
            serializers.CharField(max_length=120).run_validation(name)
        return predictions


class RefusalSerializer(serializers.Serializer[dict[str, str]]):
    """A transient that was not confirmed, and why."""

    transient = serializers.CharField()
    detail = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[dict[str, Any]]):
    """A batch: the transients whose predictions were confirmed, and the ones that were refused."""

    batch = serializers.UUIDField()
    confirmed = serializers.ListField(child=serializers.CharField())
    second_opinion = serializers.ListField(
        child=serializers.CharField(), help_text="Those of the confirmed that wait for a second opinion now."
    )
    refused = RefusalSerializer(many=True)


class BatchUndoneSerializer(serializers.Serializer[dict[str, int]]):
    """Number of decisions of a batch that were undone."""

    undone = serializers.IntegerField()


class BulkView(APIView):
    """Bulk confirmation."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(
        parameters=[ThresholdSerializer, filters.WaitingFilter, SIMULATED],
        responses={200: BulkPreviewSerializer} | error_answers(400),
    )
    def get(self, request: Request) -> Response:
        """Pending transients that may be confirmed together: at most 100, the surest first.

        The field ``doubt`` gives a reason to look at a transient before confirming it.
        """
        threshold = filters.read(ThresholdSerializer, request)["threshold"]
        chosen = filters.WaitingFilter.chosen(filters.read(filters.WaitingFilter, request))
        last = bulk.newest_decision(user_of(request))
        rows = [
            {
                "transient": row.transient.name,
                "simulated": row.transient.simulated,
                "reason": row.reason,
                "doubt": row.doubt,
                "prediction": row.prediction,
            }
            for row in bulk.proposed(user_of(request), chosen, threshold, flag_parameter(request, "simulated"))
        ]
        return Response(BulkPreviewSerializer({"last_decision": last, "results": rows}).data)

    @extend_schema(request=BulkSerializer, responses={200: BulkResultSerializer} | error_answers(400))
    def post(self, request: Request) -> Response:
        """Confirm several predictions together.

        Each prediction is checked by itself; those that cannot be confirmed are listed with the reason. If the same
        request is sent again, as after a lost answer, it is recorded once and answered with the first batch.
        """
        sent = checked(BulkSerializer, request.data)
        result = bulk.confirm(user_of(request), sent["predictions"], sent.get("last_decision"))
        refused = [{"transient": name, "detail": detail} for name, detail in result.refused]
        return Response(BulkResultSerializer(dataclasses.asdict(result) | {"refused": refused}).data)


class BatchView(APIView):
    """One batch."""

    @extend_schema(responses={200: BatchUndoneSerializer} | error_answers(404))
    def delete(self, request: Request, batch: uuid.UUID) -> Response:
        """Undo the decisions of your own batch that still stand."""
        return Response({"undone": bulk.undo(user_of(request), batch)})
