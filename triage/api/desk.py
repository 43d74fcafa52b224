"""The desk's workflow over REST: the queue, bulk confirmation, policies, agreement, the night."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import agreement, bulk, night, queue, second_opinion
from triage.api import desk_serializers as shapes
from triage.api import filters
from triage.api.base import FIELDS, NewestFirst, QueueOrder, user_of
from triage.api.serializers import ErrorSerializer
from triage.filters import QueueFilter, counts
from triage.models import Transient
from triage.night_plots import reliability
from triage.rows import reason_of


def _text(name: str, description: str = "") -> OpenApiParameter:
    return OpenApiParameter(name, str, description=description)


class QueueView(generics.ListAPIView[Transient]):
    """Transients that wait for a decision, in the order of triage, each with the reason of its place; or those that
    want a second opinion, are disputed or left unsure, the newest first."""

    serializer_class = shapes.QueueRowSerializer
    pagination_class: type[NewestFirst] = QueueOrder

    def get_queryset(self) -> QuerySet[Transient]:
        if getattr(self, "swagger_fake_view", False):
            return Transient.objects.none()
        chosen = self._chosen()
        rows = chosen.rows(user_of(self.request))
        # Those that wait have one; to ask again would cost a look at every transient.
        return rows if chosen.state == "pending" else rows.filter(current_prediction_id__isnull=False)

    def _chosen(self) -> QueueFilter:
        return filters.WaitingFilter.chosen(filters.read(filters.WaitingFilter, self.request))

    @extend_schema(parameters=[filters.WaitingFilter, FIELDS])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if self._chosen().state != "pending":
            # Their order must not tell how sure a hidden prediction is.
            self.pagination_class = NewestFirst
        page = self.paginate_queryset(self.get_queryset()) or []
        predictions = queue.current_predictions(list(page))
        rows: Any = [_row(transient, predictions[transient.current_prediction_id]) for transient in page]  # type: ignore[attr-defined]
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


def _row(transient: Any, prediction: Any) -> dict[str, Any]:
    return {
        "transient": transient.name,
        "state": transient.review_state,
        "reason": reason_of(transient, prediction, prediction.spectrum.created_at),
        "redshift": transient.redshift,
        "simulated": transient.simulated,
        "prediction": None if transient.hidden else prediction,
    }


class CountsView(APIView):
    @extend_schema(responses={200: shapes.CountsSerializer})
    def get(self, request: Request) -> Response:
        """How many transients there are in each state."""
        return Response(counts(user_of(request)))


class BulkView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(
        parameters=[shapes.ThresholdSerializer, filters.WaitingFilter],
        responses={200: shapes.BulkPreviewSerializer, 400: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        """What could be confirmed together: of what is pending, at most 100 with at least ``threshold`` percent, the
        surest first, each with what speaks against it (``doubt``); and the ``last_decision`` to send with it."""
        threshold = filters.read(shapes.ThresholdSerializer, request)["threshold"]
        chosen = filters.WaitingFilter.chosen(filters.read(filters.WaitingFilter, request))
        last = bulk.newest_decision()
        rows = [
            {"transient": row.name, "reason": row.reason, "doubt": row.doubt, "prediction": row.prediction}
            for row in bulk.proposed(user_of(request), chosen, threshold)
        ]
        return Response(shapes.BulkPreviewSerializer({"last_decision": last, "results": rows}).data)

    @extend_schema(request=shapes.BulkSerializer, responses={200: shapes.BulkResultSerializer, 400: ErrorSerializer})
    def post(self, request: Request) -> Response:
        """Confirm several predictions together; each is checked for itself, what cannot be confirmed is listed. Sent
        once more, as after a lost answer, it is recorded once and answered with the first batch."""
        form = shapes.BulkSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        result = bulk.confirm(user_of(request), sent["predictions"], sent.get("last_decision"))
        refused = [{"transient": name, "detail": detail} for name, detail in result.refused]
        return Response({"batch": str(result.batch), "confirmed": result.confirmed, "refused": refused})


class BatchView(APIView):
    @extend_schema(responses={200: shapes.BatchUndoneSerializer, 404: ErrorSerializer})
    def delete(self, request: Request, batch: uuid.UUID) -> Response:
        """Undo what still stands of a batch of your own."""
        return Response({"undone": bulk.undo(user_of(request), batch)})


class PoliciesView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(responses={200: shapes.AudiencePolicySerializer(many=True)})
    def get(self, request: Request) -> Response:
        """What needs a second opinion: for public spectra (group null) and for each of your groups."""
        return Response(_policies(user_of(request)))

    @extend_schema(
        request=shapes.PolicySerializer,
        responses={
            200: shapes.AudiencePolicySerializer(many=True),
            400: ErrorSerializer,
            403: ErrorSerializer,
            404: ErrorSerializer,
            409: ErrorSerializer,
        },
    )
    def put(self, request: Request) -> Response:
        """Set one audience's policy, for decisions from now on; neither classes nor a bound: one reviewer is enough."""
        form = shapes.PolicySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent, user = form.validated_data, user_of(request)
        second_opinion.change_policy(user, sent["group"] or "", sent["class_names"], sent["below"])
        return Response(_policies(user))


def _policies(user: User) -> list[dict[str, Any]]:
    return [
        {
            "group": row["group"].name if row["group"] else None,
            "class_names": row["policy"].class_names if row["policy"] else [],
            "below": row["policy"].below if row["policy"] else None,
            "editable": row["editable"],
        }
        for row in second_opinion.policies(user)
    ]


class AgreementView(APIView):
    @extend_schema(responses={200: shapes.AgreementSerializer})
    def get(self, request: Request) -> Response:
        """Cohen's kappa of pairs of reviewers, and each one against what stands."""
        pairs, records = agreement.reviewers(user_of(request))
        return Response({"pairs": [_pair(pair) for pair in pairs], "reviewers": [_record(one) for one in records]})


def _pair(pair: agreement.Pair) -> dict[str, Any]:
    kappa = pair.kappa
    return {
        "reviewers": [pair.first, pair.second],
        "count": kappa.count,
        "observed": kappa.observed,
        "chance": kappa.chance,
        "kappa": None if pair.few else kappa.value,
        "kappa_error": None if pair.few else kappa.error,
        "blind": pair.blind,
    }


def _record(record: agreement.Record) -> dict[str, Any]:
    confusion = [{"stands": stands, "said": said, "count": count} for stands, said, count in record.confusion]
    return {
        "reviewer": record.reviewer,
        "count": record.count,
        "agreed": record.agreed,
        "confusion": confusion,
    }


class NightView(APIView):
    @extend_schema(
        parameters=[
            OpenApiParameter("since", str, enum=[key for key, _ in night.SPANS]),
            _text("class", "vetted as"),
            _text("instrument"),
            OpenApiParameter("blind", str, enum=["1"], description="only what was vetted blind"),
        ],
        responses={200: shapes.NightSerializer},
    )
    def get(self, request: Request) -> Response:
        """The dashboard's numbers: what came in and waits, and the network against what was vetted."""
        user, span = user_of(request), night.Span.read(request.query_params)
        rows = night.vetted(user, span)
        chosen = night.narrowed(rows, span)
        numbers = night.numbers(user, span, rows)
        wait = numbers["median_wait"]
        body = {
            **numbers,
            "median_wait": None if wait is None else wait.total_seconds(),
            "by_class": night.shares(chosen, "class_name"),
            "by_instrument": night.shares(chosen, "instrument"),
            "reliability": reliability(chosen),
        }
        return Response(shapes.NightSerializer(body).data)
