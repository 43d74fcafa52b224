"""Shapes of requests and answers."""

from __future__ import annotations

import dataclasses
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classifier.readers import CHOICES
from triage.epochs import fused_answer
from triage.intake import Submission
from triage.models import Decision, Prediction, Spectrum, Transient, Verdict


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
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


class SpectrumSerializer(serializers.ModelSerializer[Spectrum]):
    transient = serializers.CharField(source="transient.name", read_only=True, allow_null=True, default=None)
    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    receipt = serializers.DictField(read_only=True)
    prediction = PredictionSerializer(source="current_prediction", read_only=True, allow_null=True)
    error = serializers.SerializerMethodField()
    wavelength_range = serializers.SerializerMethodField()

    class Meta:
        model = Spectrum
        fields = (
            "id",
            "state",
            "transient",
            "group",
            "filename",
            "sha256",
            "part",
            "reading",
            "observed_at",
            "instrument",
            "stated_redshift",
            "wavelength_range",
            "rejected",
            "simulated",
            "receipt",
            "error",
            "prediction",
            "created_at",
            "processed_at",
        )
        read_only_fields = fields

    @extend_schema_field({"type": "object", "nullable": True, "additionalProperties": {"type": "string"}})
    def get_error(self, spectrum: Spectrum) -> dict[str, str] | None:
        if not spectrum.failure_code:
            return None
        return {"code": spectrum.failure_code, "message": spectrum.failure_reason}

    @extend_schema_field({"type": "array", "items": {"type": "number"}, "nullable": True})
    def get_wavelength_range(self, spectrum: Spectrum) -> list[float] | None:
        if spectrum.wavelength_min is None or spectrum.wavelength_max is None:
            return None
        return [spectrum.wavelength_min, spectrum.wavelength_max]


class ArraysSerializer(serializers.Serializer[dict[str, Any]]):
    """wavelength in Å; flux_error is 1σ or null."""

    id = serializers.IntegerField()
    wavelength = serializers.ListField(child=serializers.FloatField())
    flux = serializers.ListField(child=serializers.FloatField())
    flux_error = serializers.ListField(child=serializers.FloatField(), allow_null=True)


class SubmissionSerializer(serializers.Serializer[Submission]):
    """The answer to an upload."""

    id = serializers.IntegerField(source="spectrum.pk")
    state = serializers.CharField(source="spectrum.state")
    transient = serializers.CharField(source="spectrum.transient.name", allow_null=True, default=None)
    receipt = serializers.DictField(source="spectrum.receipt")


class KnownFileSerializer(SubmissionSerializer):
    """The answer to a file that was sent before."""

    notes = serializers.ListField(child=serializers.CharField(), help_text="what became of what was new with it")


def _choice(name: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=CHOICES[name], required=False)


class UploadSerializer(serializers.Serializer[dict[str, Any]]):
    """One file, what is known of it, and corrections of the reader's guesses."""

    file = serializers.FileField(allow_empty_file=True)
    transient = serializers.CharField(required=False, max_length=120, help_text="made if it does not exist yet")
    redshift = serializers.FloatField(required=False, allow_null=True)
    observed_at = serializers.DateTimeField(required=False, allow_null=True)
    instrument = serializers.CharField(required=False, max_length=120, allow_blank=True)
    group = serializers.CharField(required=False, help_text="name of one of your groups; without it, for everybody")
    wavelength_unit = _choice("wavelength_unit")
    flux_kind = _choice("flux_kind")
    third_column = _choice("third_column")
    frame = _choice("frame")
    medium = _choice("medium")
    wavelength_column = serializers.IntegerField(required=False, min_value=0, max_value=99)
    flux_column = serializers.IntegerField(required=False, min_value=0, max_value=99)


class TransientSerializer(serializers.ModelSerializer[Transient]):
    aliases = serializers.ListField(child=serializers.CharField(), read_only=True)
    review_state = serializers.SerializerMethodField()
    predicted_class = serializers.CharField(read_only=True, allow_null=True)
    uncertainty = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Transient
        fields = (
            "name",
            "aliases",
            "ra",
            "dec",
            "redshift",
            "redshift_error",
            "redshift_origin",
            "simulated",
            "created_at",
            "review_state",
            "predicted_class",
            "uncertainty",
        )
        read_only_fields = fields

    @extend_schema_field({"type": "string", "enum": ["pending", "vetted", "unsure", "bad_spectrum"]})
    def get_review_state(self, transient: Any) -> str:
        verdict: str = transient.standing_verdict
        return {"": "pending", "confirm": "vetted", "override": "vetted"}.get(verdict, verdict)


class DecisionSerializer(serializers.ModelSerializer[Decision]):
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
            "supersedes",
            "created_at",
        )
        read_only_fields = fields


class ProposalSerializer(serializers.Serializer[dict[str, Any]]):
    """A decision to record. ``prediction`` is the one the reviewer saw; an older one is refused with 409."""

    verdict = serializers.ChoiceField(choices=[v.value for v in Verdict if v != Verdict.UNDO])
    class_name = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=60)
    redshift = serializers.FloatField(required=False, allow_null=True)
    comment = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    prediction = serializers.IntegerField(required=False, allow_null=True)
    spectrum = serializers.IntegerField(required=False, allow_null=True)
    blind = serializers.BooleanField(required=False, default=False)
    last_decision = serializers.IntegerField(
        required=False, allow_null=True, help_text="newest decision seen, 0 for none; a newer one of others gives 409"
    )


class FusedAnswerSerializer(serializers.Serializer[Any]):
    """What the predictions of several spectra say together."""

    class_name = serializers.CharField()
    probability = serializers.FloatField()
    probabilities = serializers.DictField(child=serializers.FloatField())
    epochs = serializers.IntegerField()
    contradictory = serializers.ListField(child=serializers.IntegerField(), help_text="spectra that speak against it")


class TransientDetailSerializer(TransientSerializer):
    spectra = SpectrumSerializer(source="visible_spectra", many=True, read_only=True)
    decisions = DecisionSerializer(source="visible_decisions", many=True, read_only=True)
    fused = serializers.SerializerMethodField()

    class Meta:
        model = Transient
        fields = (*TransientSerializer.Meta.fields, "fused", "spectra", "decisions")
        read_only_fields = fields

    @extend_schema_field(FusedAnswerSerializer(allow_null=True))
    def get_fused(self, transient: Any) -> dict[str, Any] | None:
        answer = fused_answer(transient.visible_spectra)
        return None if answer is None else dataclasses.asdict(answer)


class QueueRowSerializer(serializers.Serializer[dict[str, Any]]):
    transient = serializers.CharField()
    reason = serializers.CharField()
    redshift = serializers.FloatField(allow_null=True)
    simulated = serializers.BooleanField()
    prediction = PredictionSerializer()


class ClassificationSerializer(serializers.Serializer[dict[str, Any]]):
    """A vetted classification with its provenance; the keys are triage.export.COLUMNS."""

    id = serializers.IntegerField(help_text="of the decision")
    transient = serializers.CharField()
    class_name = serializers.CharField()
    redshift = serializers.FloatField(allow_null=True)
    redshift_origin = serializers.CharField(allow_null=True)
    ra = serializers.FloatField(allow_null=True)
    dec = serializers.FloatField(allow_null=True)
    verdict = serializers.CharField()
    reviewer = serializers.CharField()
    decided_at = serializers.DateTimeField()
    comment = serializers.CharField()
    group = serializers.CharField(allow_null=True)
    predicted_class = serializers.CharField(allow_null=True)
    predicted_probability = serializers.FloatField(allow_null=True)
    predicted_redshift = serializers.FloatField(allow_null=True)
    checkpoint = serializers.CharField(allow_null=True)
    spectra = serializers.ListField(child=serializers.IntegerField())
    simulated = serializers.BooleanField()


class ErrorSerializer(serializers.Serializer[dict[str, Any]]):
    code = serializers.CharField()
    detail = serializers.CharField()


class UnreadableSerializer(ErrorSerializer):
    receipt = serializers.DictField(required=False)
    id = serializers.IntegerField(required=False)
    state = serializers.CharField(required=False)
