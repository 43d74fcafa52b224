"""Shapes of what hangs on other services."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from triage.api.base import SparseFields
from triage.models import SkyPortalInstance, SkyPortalPost, SkyPortalRun, TnsReport, TnsTarget, Webhook
from triage.skyportal.analysis import Push
from triage.skyportal.payload import moment, number, redshift_in, text

# Where a push does not say until when its answer is taken.
TIME_TO_ANSWER = timedelta(minutes=15)
MOST_CHARACTERS = 20_000_000


class InstanceSerializer(serializers.ModelSerializer[SkyPortalInstance]):
    """A connection; its token is told to nobody."""

    group = serializers.CharField(source="group.name", read_only=True, allow_null=True, default=None)
    remote_groups, instruments, share_with = (
        serializers.ListField(child=serializers.IntegerField(), read_only=True) for _ in range(3)
    )

    class Meta:
        model = SkyPortalInstance
        fields = (
            "id",
            "name",
            "url",
            "group",
            "enabled",
            "remote_groups",
            "instruments",
            "only_unclassified",
            "interval_minutes",
            "reconcile_hours",
            "decisions",
            "predictions",
            "share_with",
            "taxonomy",
            "cursor",
            "reconciled_at",
            "next_run_at",
            "failures",
        )
        read_only_fields = fields


class RunSerializer(SparseFields, serializers.ModelSerializer[SkyPortalRun]):
    """A round of the sync; ``done`` of ``total`` are dealt with."""

    done = serializers.IntegerField(read_only=True)
    skipped = serializers.DictField(child=serializers.IntegerField(), read_only=True, help_text="by reason")
    problems = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = SkyPortalRun
        fields = (
            "id",
            "instance",
            "state",
            "full",
            "since",
            "listed",
            "total",
            "done",
            "fetched",
            "new",
            "changed",
            "unchanged",
            "skipped",
            "gone",
            "errors",
            "problems",
            "message",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class SyncSerializer(serializers.Serializer[Any]):
    full = serializers.BooleanField(default=False, help_text="compare everything, not only what has changed")


class PostSerializer(SparseFields, serializers.ModelSerializer[SkyPortalPost]):
    """Something that a SkyPortal is to hold."""

    class Meta:
        model = SkyPortalPost
        fields = (
            "id",
            "instance",
            "kind",
            "decision",
            "prediction",
            "remote_name",
            "remote_spectrum",
            "remote_id",
            "state",
            "wanted",
            "attempts",
            "next_attempt_at",
            "last_error",
            "created_at",
            "posted_at",
            "withdrawn_at",
        )
        read_only_fields = fields


class AnswerSerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(choices=["approve", "refuse", "replay"])


class PushSerializer(serializers.Serializer[Any]):
    """What a SkyPortal sends to an analysis service; fields that are not known here are ignored."""

    callback_url = serializers.CharField(max_length=2000)
    callback_method = serializers.ChoiceField(choices=["POST"], default="POST")
    invalid_after = serializers.CharField(required=False, allow_null=True, help_text="UTC, where no offset is given")
    resource_id = serializers.CharField(required=False, allow_blank=True)
    inputs = serializers.DictField(help_text="spectra: CSV; redshift: CSV")
    analysis_parameters = serializers.DictField(required=False, help_text='{"blind": true} leaves the redshift out')

    def validate_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        spectra = inputs.get("spectra")
        if not isinstance(spectra, str) or "\0" in spectra or len(spectra) > MOST_CHARACTERS:
            raise serializers.ValidationError("spectra must be a table as CSV")
        return inputs

    def push(self) -> Push:
        sent = self.validated_data
        until = moment(sent.get("invalid_after")) or timezone.now() + TIME_TO_ANSWER
        chosen = sent.get("analysis_parameters") or sent["inputs"].get("analysis_parameters")
        blind = isinstance(chosen, dict) and str(chosen.get("blind")).lower() in {"true", "1", "yes"}
        return Push(
            callback_url=sent["callback_url"],
            invalid_after=until,
            remote_name=text(sent.get("resource_id", ""), 200),
            spectra=sent["inputs"]["spectra"],
            redshift=None if blind else redshift_in(sent["inputs"].get("redshift")),
        )


class PendingSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    message = serializers.CharField()
    id = serializers.IntegerField()


class TnsOptionsSerializer(serializers.Serializer[Any]):
    """What the desk cannot know of a report; ids are the TNS's."""

    name = serializers.CharField(required=False, max_length=40, help_text="where none of the transient's names is one")
    classifier = serializers.CharField(required=False, max_length=500)
    observer = serializers.CharField(required=False, max_length=200)
    reducer = serializers.CharField(required=False, max_length=200)
    instrument = serializers.IntegerField(required=False, min_value=0)
    exposure_s = serializers.FloatField(required=False, min_value=0)
    group = serializers.IntegerField(required=False, min_value=0)
    proprietary_period = serializers.IntegerField(required=False, min_value=0)
    remarks = serializers.CharField(required=False, max_length=1000)
    spectrum = serializers.IntegerField(required=False, min_value=1, help_text="ours; the one decided on if not given")

    def validate_exposure_s(self, value: float) -> float:
        if number(value) is None:
            raise serializers.ValidationError("a finite number of seconds")
        return value


class TnsSubmissionSerializer(TnsOptionsSerializer):
    target = serializers.ChoiceField(choices=TnsTarget.values)
    confirmation = serializers.CharField(help_text="the TNS name, typed once more")


class TnsPreviewSerializer(serializers.Serializer[Any]):
    """A dry run: exactly what would be sent, and what keeps it from being sent."""

    tns_name = serializers.CharField(allow_blank=True)
    decision = serializers.IntegerField(source="decision.pk")
    payload = serializers.DictField()
    ascii_name = serializers.CharField()
    ascii_file = serializers.CharField(allow_blank=True)
    problems = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())


class TnsReportSerializer(SparseFields, serializers.ModelSerializer[TnsReport]):
    transient = serializers.CharField(source="transient.name", read_only=True)
    sent_by = serializers.CharField(source="sent_by.username", read_only=True)
    payload = serializers.DictField(read_only=True)
    reply = serializers.DictField(read_only=True)

    class Meta:
        model = TnsReport
        fields = (
            "id",
            "target",
            "transient",
            "decision",
            "tns_name",
            "payload",
            "ascii_name",
            "state",
            "report_id",
            "reply",
            "detail",
            "sent_by",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields


class SettleSerializer(serializers.Serializer[Any]):
    arrived = serializers.BooleanField(help_text="whether somebody found the report at the TNS")


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """waiting, delivered, given_up: how many messages."""

    url = serializers.CharField(max_length=300)
    waiting, delivered, given_up = (serializers.IntegerField(read_only=True, default=0) for _ in range(3))

    class Meta:
        model = Webhook
        fields = ("id", "url", "on_decision", "on_prediction", "waiting", "delivered", "given_up", "created_at")
        read_only_fields = ("id", "created_at")


class NewWebhookSerializer(WebhookSerializer):
    secret = serializers.SerializerMethodField(help_text="signs the messages; shown this once")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment]

    @extend_schema_field({"type": "string"})
    def get_secret(self, webhook: Webhook) -> str:
        return webhook.secret


class ReplayedSerializer(serializers.Serializer[Any]):
    replayed = serializers.IntegerField(help_text="messages that are sent once more")
