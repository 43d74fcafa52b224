"""Predictions, as other resources show them, and the rule that hides them from a reviewer who owes a blind vote."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from triage.models import Brightness, NamedMatches, Prediction, Spectrum, Transient

# Keys that reveal the prediction.
_PREDICTION_KEYS = {"prediction", "predicted_class", "uncertainty"}


class NamedMatchesSerializer(serializers.ModelSerializer[NamedMatches]):
    """The objects of the library of named spectra that a spectrum looks most like.

    matches: the best objects, best first: name, type, class, phase (days from maximum), redshift (in steps of
        500 km/s), score; and spectrum, its row in the library, or vetted, id and redshift of a spectrum that the group
        vetted.
    left_out: the library's names of this transient, which was not compared with itself; "" if the library lacks it.
    trust: probability that the class of the first is right, null if it was not measured.
    phase, phase_error: days from maximum that the matches of the predicted class give, null if they cannot tell.
    host_light, host_light_error: share (0–1) of the light between 4000 and 7000 Å (rest frame) that is the host's,
        and its 1σ error; null if it cannot be told, as without a known redshift.
    library: hash of the library's file.
    """

    matches = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = NamedMatches
        fields = (
            "matches",
            "left_out",
            "trust",
            "phase",
            "phase_error",
            "host_light",
            "host_light_error",
            "library",
        )
        read_only_fields = fields


class BrightnessSerializer(serializers.ModelSerializer[Brightness]):
    """Evidence of the light curves that you may see, beside the network's answer.

    problem: why there is no absolute magnitude; "" if there is one. If there is none, the rest is null or empty.
    points: measurements that the light curves have.
    filter, mjd, magnitude, error: the brightest night.
    covered: whether that is the maximum; if not, the maximum was at least so bright.
    distance_modulus, k_correction: mag, for the redshift that the prediction used.
    extinction: in the Milky Way, mag; null if E(B−V) is not known, and then nothing was taken off.
    absolute, absolute_error: absolute magnitude (AB) and its 1σ error.
    absolute_then, absolute_then_error: the same when the spectrum was taken, interpolated between nights of that filter
        at most 5 rest-frame days before and after; null if the date is not known or there are none.
    surprise: how much the magnitude changes the network's answer, 0–1.
    class_name, probability, probabilities: the classes with the magnitude; they are not calibrated.
    phase, phase_error: rest-frame days from maximum to the spectrum; null if the light curve cannot tell.
    table: version of the table of luminosities.
    """

    probability = serializers.FloatField(read_only=True, allow_null=True)
    probabilities = serializers.DictField(child=serializers.FloatField(), read_only=True)

    class Meta:
        model = Brightness
        fields = (
            "problem",
            "points",
            "filter",
            "mjd",
            "magnitude",
            "error",
            "covered",
            "distance_modulus",
            "k_correction",
            "extinction",
            "absolute",
            "absolute_error",
            "absolute_then",
            "absolute_then_error",
            "surprise",
            "class_name",
            "probability",
            "probabilities",
            "phase",
            "phase_error",
            "table",
        )
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
    without_host_light: share of the light that was taken off as the host's before, null if none was; see reread.
    checkpoint: hash of the trained weights.
    named_matches: the objects of the desk's library that it looks most like, null without a library.
    brightness: what light curves say about the class, null without one; computed soon after the prediction.
    """

    probabilities = serializers.DictField(child=serializers.FloatField(), read_only=True)
    parents = serializers.DictField(child=serializers.FloatField(), read_only=True)
    conformal_set = serializers.ListField(child=serializers.CharField(), read_only=True)
    probability = serializers.FloatField(read_only=True)
    checkpoint = serializers.CharField(source="checkpoint.hash", read_only=True)
    crosscheck = serializers.DictField(read_only=True, allow_null=True)
    named_matches = NamedMatchesSerializer(read_only=True, allow_null=True, default=None)
    brightness = BrightnessSerializer(read_only=True, allow_null=True)

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
            "without_host_light",
            "checkpoint",
            "named_matches",
            "brightness",
            "created_at",
        )
        read_only_fields = fields


def without_hidden_prediction(row: Spectrum | Transient, shown: dict[str, Any]) -> dict[str, Any]:
    """Return a row of an answer, with null for the prediction if the user owes the transient a blind vote.

    row: spectrum or transient with the annotation ``hidden``.
    shown: the row as its serializer wrote it.
    """
    return shown | dict.fromkeys(_PREDICTION_KEYS & set(shown)) if row.hidden else shown
