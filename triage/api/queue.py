"""The queue: transients that wait for a person, in the order of triage, and the number in each state."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api import filters
from triage.api.base import FIELDS, NewestArrivalFirst, NewestFirst, SparseFields, user_of
from triage.api.parameters import SIMULATED, flag_parameter
from triage.api.predictions import PredictionSerializer
from triage.models import Prediction, Transient
from triage.queue import order
from triage.queue.counts import counts
from triage.queue.filters import QueueFilter
from triage.queue.reasons import reason_of


class QueueRowSerializer(SparseFields, serializers.Serializer[dict[str, Any]]):
    """A transient in the queue.

    reason: reason for its place in the queue.
    redshift: known redshift, null if unknown.
    warnings: why no class can be told from the spectrum of the prediction; empty if one can.
    """

    transient = serializers.CharField()
    state = serializers.ChoiceField(choices=filters.QUEUE_STATES, help_text="State of the review.")
    reason = serializers.CharField()
    redshift = serializers.FloatField(allow_null=True)
    simulated = serializers.BooleanField()
    warnings = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()),
        help_text="Code and message of each; the codes are mostly_noise and featureless.",
    )
    prediction = PredictionSerializer(
        allow_null=True, help_text="Null while it is hidden because your blind vote is wanted."
    )


class CountsSerializer(serializers.Serializer[dict[str, int]]):
    """Number of transients in each state, as the page shows it. “processing” counts spectra in the backlog."""

    pending, in_review, second_opinion, disputed, unsure, done, automatic, processing, bad, failed = (
        serializers.IntegerField() for _ in range(10)
    )


class QueueOrder(NewestFirst):
    """Pages in the order of triage."""

    ordering = ("-priority", "id")


class QueueView(generics.ListAPIView[Transient]):
    """Transients that wait for a decision, in the order of triage, each with the reason for its place.

    With ``state`` the list holds the transients in another state of review, the newest first.
    """

    serializer_class = QueueRowSerializer
    pagination_class: type[NewestFirst] = QueueOrder

    def get_queryset(self) -> QuerySet[Transient]:
        """Return the transients that the filter lets through."""
        chosen = self._chosen()
        rows = chosen.rows(user_of(self.request), flag_parameter(self.request, "simulated"))
        # Pending transients have a prediction; to ask again would cost a look at every transient.
        return rows if chosen.state == "pending" else rows.with_prediction()

    def _chosen(self) -> QueueFilter:
        return filters.WaitingFilter.chosen(filters.read(filters.WaitingFilter, self.request))

    @extend_schema(parameters=[filters.WaitingFilter, SIMULATED, FIELDS])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if self._chosen().state != "pending":
            # The order of triage would reveal how sure a hidden prediction is.
            self.pagination_class = NewestArrivalFirst
        page = list(self.paginate_queryset(self.get_queryset()) or [])
        predictions = order.current_predictions(user_of(request), page)
        rows: Any = [_row(transient, predictions[transient.current_prediction_id or 0]) for transient in page]
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


def _row(transient: Transient, prediction: Prediction) -> dict[str, Any]:
    return {
        "transient": transient.name,
        "state": transient.review_state,
        "reason": reason_of(transient, prediction, prediction.spectrum.created_at),
        "redshift": transient.redshift,
        "simulated": transient.simulated,
        "warnings": prediction.spectrum.no_class_warnings,
        "prediction": None if transient.hidden else prediction,
    }


class CountsView(APIView):
    """Sizes of the states of review."""

    @extend_schema(parameters=[SIMULATED], responses={200: CountsSerializer})
    def get(self, request: Request) -> Response:
        """Number of transients in each state of review."""
        return Response(counts(user_of(request), flag_parameter(request, "simulated")))
