"""Predictions, as other resources show them, and the rule that hides them from a reviewer who owes a blind vote."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from triage.models import NamedMatches, Prediction, Spectrum, Transient

# Keys that reveal the prediction.
_PREDICTION_KEYS = {"prediction", "predicted_class", "uncertainty"}


class NamedMatchesSerializer(serializers.ModelSerializer[NamedMatches]):
    """The objects of the library of named spectra that a spectrum looks most like.

    matches: the best objects, best first: name, type, class, phase (days from maximum), redshift, score.
    trust: probability that the class of the first is right, null if it was not measured.
    phase, phase_error: days from maximum that the matches of the predicted class give, null if they cannot tell.
    library: hash of the library's file.
    """

    matches = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = NamedMatches
        fields = ("matches", "trust", "phase", "phase_error", "library")
        read_only_fields = fields


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
    named_matches: the objects of the desk's library that it looks most like, null without a library.
    """

    probabilities = serializers.DictField(child=serializers.FloatField(), read_only=True)
    parents = serializers.DictField(child=serializers.FloatField(), read_only=True)
    conformal_set = serializers.ListField(child=serializers.CharField(), read_only=True)
    probability = serializers.FloatField(read_only=True)
    checkpoint = serializers.CharField(source="checkpoint.hash", read_only=True)
    crosscheck = serializers.DictField(read_only=True, allow_null=True)
    named_matches = NamedMatchesSerializer(read_only=True, allow_null=True, default=None)

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
            "named_matches",
            "created_at",
        )
        read_only_fields = fields


def without_hidden_prediction(row: Spectrum | Transient, shown: dict[str, Any]) -> dict[str, Any]:
    """Return a row of an answer, with null for the prediction if the user owes the transient a blind vote.

    row: spectrum or transient with the annotation ``hidden``.
    shown: the row as its serializer wrote it.
    """
    return shown | dict.fromkeys(_PREDICTION_KEYS & set(shown)) if row.hidden else shown
