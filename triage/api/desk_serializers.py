"""Shapes of what the desk's workflow takes and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from triage import bulk
from triage.api.base import SparseFields
from triage.api.filters import QUEUE_STATES
from triage.api.serializers import PredictionSerializer


class QueueRowSerializer(SparseFields, serializers.Serializer[dict[str, Any]]):
    transient = serializers.CharField()
    state = serializers.ChoiceField(choices=QUEUE_STATES, help_text="of the review")
    reason = serializers.CharField()
    redshift = serializers.FloatField(allow_null=True)
    simulated = serializers.BooleanField()
    prediction = PredictionSerializer(allow_null=True, help_text="null where it is hidden until your own vote is in")


class CountsSerializer(serializers.Serializer[dict[str, int]]):
    """How many transients are in each state, as the page counts them; processing counts spectra."""

    pending, in_review, second_opinion, disputed, unsure, done, processing, bad, failed = (
        serializers.IntegerField() for _ in range(9)
    )


class ThresholdSerializer(serializers.Serializer[Any]):
    threshold = serializers.FloatField(
        default=bulk.USUAL_THRESHOLD, min_value=50, max_value=100, help_text="percent of probability"
    )


class ProposedSerializer(serializers.Serializer[Any]):
    transient = serializers.CharField()
    reason = serializers.CharField()
    doubt = serializers.CharField(help_text="what speaks against confirming it unseen; empty for nothing")
    prediction = PredictionSerializer()


class BulkPreviewSerializer(serializers.Serializer[Any]):
    last_decision = serializers.IntegerField()
    results = ProposedSerializer(many=True)


class BulkSerializer(serializers.Serializer[dict[str, Any]]):
    """predictions: by the transient's name the prediction that you saw."""

    predictions = serializers.DictField(child=serializers.IntegerField(), allow_empty=False)
    last_decision = serializers.IntegerField(
        required=False, min_value=0, help_text="newest decision seen; what others decided since is refused"
    )

    def validate_predictions(self, predictions: dict[str, int]) -> dict[str, int]:
        """A name that no database takes is refused as any other field is."""
        for name in predictions:
            serializers.CharField(max_length=120).run_validation(name)
        return predictions


class RefusalSerializer(serializers.Serializer[dict[str, str]]):
    transient = serializers.CharField()
    detail = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[dict[str, Any]]):
    batch = serializers.UUIDField()
    confirmed = serializers.ListField(child=serializers.CharField())
    refused = RefusalSerializer(many=True)


class BatchUndoneSerializer(serializers.Serializer[dict[str, int]]):
    undone = serializers.IntegerField()


class PolicySerializer(serializers.Serializer[dict[str, Any]]):
    """What needs two reviewers. group: null for public spectra."""

    group = serializers.CharField(allow_null=True, required=False, default=None)
    class_names = serializers.ListField(child=serializers.CharField())
    below = serializers.FloatField(
        allow_null=True, required=False, default=None, help_text="predictions of a smaller probability, 0 to 1"
    )


class AudiencePolicySerializer(PolicySerializer):
    editable = serializers.BooleanField(read_only=True)


class PairSerializer(serializers.Serializer[Any]):
    reviewers = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField()
    observed = serializers.FloatField()
    chance = serializers.FloatField()
    kappa = serializers.FloatField(
        allow_null=True, help_text="null with fewer than ten in common, and where chance alone makes them agree always"
    )
    kappa_error = serializers.FloatField(allow_null=True)
    blind = serializers.IntegerField(help_text="on how many at least one voted blind")


class ConfusionSerializer(serializers.Serializer[Any]):
    stands = serializers.CharField()
    said = serializers.CharField()
    count = serializers.IntegerField()


class RecordSerializer(serializers.Serializer[Any]):
    reviewer = serializers.CharField()
    count = serializers.IntegerField()
    agreed = serializers.IntegerField()
    confusion = ConfusionSerializer(many=True)


class AgreementSerializer(serializers.Serializer[dict[str, Any]]):
    pairs = PairSerializer(many=True)
    reviewers = RecordSerializer(many=True)


class ShareSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    count = serializers.IntegerField()
    right = serializers.IntegerField()


class ReliabilitySerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    probability = serializers.FloatField(help_text="mean of those that the network gave")
    right = serializers.FloatField(help_text="share that was vetted as it said")
    low = serializers.FloatField()
    high = serializers.FloatField()


class NightSerializer(serializers.Serializer[dict[str, Any]]):
    arrived = serializers.IntegerField()
    queued = serializers.IntegerField()
    classified = serializers.IntegerField()
    failed = serializers.IntegerField()
    unreadable = serializers.IntegerField(help_text="of those that arrived")
    waiting = serializers.IntegerField()
    second_opinion = serializers.IntegerField()
    disputed = serializers.IntegerField()
    vetted = serializers.IntegerField()
    median_wait = serializers.FloatField(allow_null=True, help_text="seconds from arrival to decision")
    by_class = ShareSerializer(many=True)
    by_instrument = ShareSerializer(many=True)
    reliability = ReliabilitySerializer(many=True)
