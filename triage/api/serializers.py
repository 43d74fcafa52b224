"""Shapes of requests and answers."""

from __future__ import annotations

import dataclasses
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classifier.readers import CHOICES
from triage.api.base import SparseFields
from triage.api.filters import TRANSIENT_STATES
from triage.epochs import fused_answer
from triage.intake import Submission
from triage.models import Decision, Prediction, Spectrum, Transient, Verdict

# What a reviewer whose own vote is wanted may not see; see triage.second_opinion.
HIDDEN = {"prediction", "predicted_class", "uncertainty"}


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


class SpectrumSerializer(SparseFields, serializers.ModelSerializer[Spectrum]):
    transient = serializers.CharField(source="transient.name", read_only=True, allow_null=True, default=None)
    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    receipt = serializers.DictField(read_only=True)
    corrections = serializers.DictField(read_only=True)
    filename = serializers.CharField(
        source="file_label", read_only=True, help_text="of a file of an archive: “night.zip: a/b.fits”"
    )
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
            "corrections",
            "likely_duplicate_of",
            "discarded",
            "error",
            "prediction",
            "created_at",
            "processed_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Without the prediction, where it is hidden from a reviewer whose own vote is wanted."""
        shown: dict[str, Any] = super().to_representation(instance)
        return shown if not instance.hidden else shown | dict.fromkeys(HIDDEN & set(shown))

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


class PartSerializer(serializers.Serializer[Spectrum]):
    """One more spectrum of an uploaded file."""

    id = serializers.IntegerField(source="pk")
    state = serializers.CharField()
    transient = serializers.CharField(source="transient.name", allow_null=True, default=None)
    part = serializers.CharField(source="receipt.part", allow_null=True, default=None, help_text="its name in the file")
    member = serializers.CharField(
        source="receipt.member", allow_null=True, default=None, help_text="the file of the archive that it comes from"
    )


class MoveSerializer(serializers.Serializer[dict[str, str]]):
    """The transient that a spectrum belongs to."""

    transient = serializers.CharField(max_length=120)


class SubmissionSerializer(serializers.Serializer[Submission]):
    """The answer to an upload."""

    id = serializers.IntegerField(source="spectrum.pk")
    state = serializers.CharField(source="spectrum.state")
    transient = serializers.CharField(source="spectrum.transient.name", allow_null=True, default=None)
    receipt = serializers.DictField(source="spectrum.receipt")
    others = PartSerializer(many=True, help_text="the other spectra of a file that holds several")


class KnownFileSerializer(SubmissionSerializer):
    """The answer to a file that was sent before."""

    notes = serializers.ListField(child=serializers.CharField(), help_text="what became of what was new with it")


def _choice(name: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=CHOICES[name], required=False)


class CorrectionsSerializer(serializers.Serializer[dict[str, Any]]):
    """What is stated instead of the reader's guesses; columns count from 0."""

    wavelength_unit = _choice("wavelength_unit")
    flux_kind = _choice("flux_kind")
    third_column = _choice("third_column")
    frame = _choice("frame")
    medium = _choice("medium")
    wavelength_column = serializers.IntegerField(required=False, min_value=0, max_value=99)
    flux_column = serializers.IntegerField(required=False, min_value=0, max_value=99)
    target = serializers.CharField(required=False, max_length=60, help_text="TARGETID in a file of many objects")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(f"{min(unknown)} is none of {', '.join(self.fields)}")
        return attrs


class UploadSerializer(CorrectionsSerializer):
    """One file, what is known of it, and corrections of the reader's guesses."""

    file = serializers.FileField(allow_empty_file=True)
    transient = serializers.CharField(required=False, max_length=120, help_text="made if it does not exist yet")
    redshift = serializers.FloatField(required=False, allow_null=True)
    observed_at = serializers.DateTimeField(required=False, allow_null=True)
    instrument = serializers.CharField(required=False, max_length=120, allow_blank=True)
    group = serializers.CharField(required=False, help_text="name of one of your groups; without it, for everybody")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # Senders of forms add fields of their own.
        return attrs


class TransientSerializer(SparseFields, serializers.ModelSerializer[Transient]):
    aliases = serializers.SerializerMethodField(help_text="what else it is called, as far as you know")
    state = serializers.ChoiceField(
        source="review_state", choices=TRANSIENT_STATES, read_only=True, help_text="of the review, as the page calls it"
    )
    review_state = serializers.SerializerMethodField(help_text="what stands, by older names: vetted is done")
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
            "state",
            "review_state",
            "predicted_class",
            "uncertainty",
        )
        read_only_fields = fields

    @extend_schema_field(
        {
            "type": "string",
            "enum": ["pending", "vetted", "second_opinion", "disputed", "unsure", "bad_spectrum"],
        }
    )
    def get_review_state(self, transient: Any) -> str:
        state: str = transient.standing_state
        return {"": "pending", "done": "vetted"}.get(state, state)

    def get_aliases(self, transient: Any) -> list[str]:
        return [other.name for other in transient.known_names]

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Without what is hidden from a reviewer whose own vote is wanted."""
        shown: dict[str, Any] = super().to_representation(instance)
        return shown if not instance.hidden else shown | dict.fromkeys(HIDDEN & set(shown))


class DecisionSerializer(serializers.ModelSerializer[Decision]):
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
        answer = None if transient.hidden else fused_answer(transient.visible_spectra)
        return None if answer is None else dataclasses.asdict(answer)


class ErrorSerializer(serializers.Serializer[dict[str, Any]]):
    code = serializers.CharField()
    detail = serializers.CharField()


class UnreadableSerializer(ErrorSerializer):
    receipt = serializers.DictField(required=False)
    id = serializers.IntegerField(required=False)
    state = serializers.CharField(required=False)
