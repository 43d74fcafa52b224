"""Predictions, as other resources show them, and the rule that hides them from a reviewer who owes a blind vote."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from triage.models import Prediction, Spectrum, Transient

# Keys that reveal the prediction.
_PREDICTION_KEYS = {"prediction", "predicted_class", "uncertainty"}


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    """The network's answer for one spectrum.

    class_name: the most probable class, with its probability.
    probabilities: calibrated probability of every class; they sum to 1.
    parents: probability of every group of classes.
    conformal_set: the classes that cannot be ruled out at 90 % confidence.
    novelty: how unlike the training spectra this one is, 0 to 1.
    redshift, redshift_error: the network's own estimate and its 1σ error, null if it is not trusted.
    redshift_used: the known redshift that the network was given, null if it had none.
    crosscheck: the best template match, null if there is none.
    checkpoint: hash of the trained weights.
    """

    probabilities = serializers.DictField(child=serializers.FloatField(), read_only=True)
    parents = serializers.DictField(child=serializers.FloatField(), read_only=True)
    conformal_set = serializers.ListField(child=serializers.CharField(), read_only=True)
    probability = serializers.FloatField(read_only=True)
    checkpoint = serializers.CharField(source="checkpoint.hash", read_only=True)
    crosscheck = serializers.DictField(read_only=True, allow_null=True)

    class Meta:
        model = Prediction
        fields = (
            "id",
            "spectrum",
            "class_name",
            "probability",
            "probabilities",
            "parents",
            "conformal_set",
            "novelty",
            "redshift",
            "redshift_error",
            "redshift_used",
            "crosscheck",
            "checkpoint",
            "created_at",
        )
        read_only_fields = fields


def without_hidden_prediction(row: Spectrum | Transient, shown: dict[str, Any]) -> dict[str, Any]:
    """Return a row of an answer, with null for the prediction if the user owes the transient a blind vote.

    row: spectrum or transient with the annotation ``hidden``.
    shown: the row as its serializer wrote it.
    """
    return shown | dict.fromkeys(_PREDICTION_KEYS & set(shown)) if row.hidden else shown
