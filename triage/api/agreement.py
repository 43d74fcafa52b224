"""Agreement of reviewers with each other and with the standing classifications."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import user_of
from triage.api.parameters import SIMULATED, flag_parameter
from triage.review import agreement


class PairSerializer(serializers.Serializer[dict[str, Any]]):
    """Two reviewers' votes on the same transients.

    count: transients that both voted on.
    observed: share on which they agreed.
    chance: share on which chance alone would make them agree.
    kappa, kappa_error: Cohen's kappa and its 1σ error.
    """

    reviewers = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField()
    observed = serializers.FloatField()
    chance = serializers.FloatField()
    kappa = serializers.FloatField(
        allow_null=True,
        help_text="Null if they have fewer than ten transients in common, or if chance alone makes them always agree.",
    )
    kappa_error = serializers.FloatField(allow_null=True)
    blind = serializers.IntegerField(help_text="Transients on which at least one of them voted blind.")


class ConfusionSerializer(serializers.Serializer[dict[str, Any]]):
    """Votes for one class on transients with one standing class.

    stands: standing class.
    said: class that the reviewer voted for.
    count: number of such votes.
    """

    stands = serializers.CharField()
    said = serializers.CharField()
    count = serializers.IntegerField()


class RecordSerializer(serializers.Serializer[dict[str, Any]]):
    """Votes of one reviewer against the standing classifications.

    count: votes on vetted transients.
    agreed: votes for the standing class.
    """

    reviewer = serializers.CharField()
    count = serializers.IntegerField()
    agreed = serializers.IntegerField()
    confusion = ConfusionSerializer(many=True)


class AgreementSerializer(serializers.Serializer[dict[str, Any]]):
    """Agreement of every pair of reviewers, and of every reviewer with the standing classifications."""

    pairs = PairSerializer(many=True)
    reviewers = RecordSerializer(many=True)


class AgreementView(APIView):
    """Agreement of reviewers."""

    @extend_schema(parameters=[SIMULATED], responses={200: AgreementSerializer})
    def get(self, request: Request) -> Response:
        """Cohen's kappa of each pair of reviewers, and each reviewer's votes against the standing classifications.

        The latest 5000 votes that followed somebody else's count, with the votes before them.
        """
        pairs, records = agreement.reviewers(user_of(request), flag_parameter(request, "simulated"))
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
