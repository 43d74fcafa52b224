"""TNS reports: preview, submission, and the TNS's answer."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage.api.base import FIELDS, NewestFirst, SparseFields, checked, transient_of, user_of
from triage.api.errors import error_answers
from triage.api.parsers import StorableJSONParser
from triage.api.schema import request_example
from triage.models import TnsReport, TnsTarget
from triage.services.fields import number
from triage.services.tns import reports
from triage.services.tns.payload import Options, Report, build_report
from triage.services.tns.tables import number_of

_EXAMPLES = [
    request_example(
        "to the sandbox",
        {
            "observer": "A. Observer",
            "instrument": 149,
            "exposure_s": 1800,
            "target": "sandbox",
            "confirmation": "2026abc",
        },
    )
]


class TnsOptionsSerializer(serializers.Serializer[dict[str, Any]]):
    """Fields of a report that the desk cannot know."""

    name = serializers.CharField(
        required=False, max_length=40, help_text="TNS name, if none of the transient's names is one."
    )
    classifier = serializers.CharField(required=False, max_length=500)
    observer = serializers.CharField(required=False, max_length=200)
    reducer = serializers.CharField(required=False, max_length=200)
    instrument = serializers.CharField(required=False, max_length=120, help_text="Name or number at the TNS.")
    exposure_s = serializers.FloatField(required=False, min_value=0)
    group = serializers.CharField(required=False, max_length=120, help_text="Name or number at the TNS.")
    proprietary_period = serializers.IntegerField(required=False, min_value=0)
    remarks = serializers.CharField(required=False, max_length=1000)
    spectra = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        help_text="This desk's ids of the spectra to send; the one that was decided on if none is given.",
    )

    def validate_exposure_s(self, value: float) -> float:
        """Return the exposure time. Raises ValidationError if it is infinite or no number."""
        if number(value) is None:
            raise serializers.ValidationError("give a finite number of seconds")
        return value


class TnsSubmissionSerializer(TnsOptionsSerializer):
    """A report to submit."""

    target = serializers.ChoiceField(choices=TnsTarget.values)
    confirmation = serializers.CharField(help_text="The TNS name, typed again.")


class TnsPreviewSerializer(serializers.Serializer[Report]):
    """A preview: exactly what would be sent.

    problems: reasons why the report cannot be sent.
    warnings: points to consider before it is sent.
    """

    tns_name = serializers.CharField(allow_blank=True)
    decision = serializers.IntegerField(source="decision.pk")
    payload = serializers.DictField()
    files = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Name and content of each spectrum's file.",
    )
    problems = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())


class TnsReportSerializer(SparseFields, serializers.ModelSerializer[TnsReport]):
    """A report that was submitted.

    payload, ascii_name: what was sent.
    report_id: the TNS's id of the report.
    reply: the TNS's answer.
    """

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


class SettleSerializer(serializers.Serializer[dict[str, Any]]):
    """Fate of a report that the TNS did not answer."""

    arrived = serializers.BooleanField(help_text="Whether somebody found the report at the TNS.")


def _options(sent: dict[str, Any]) -> Options:
    """Return the options of a request. Raises InvalidActionError for a name that the TNS does not know."""
    numbers = {kind: number_of(kind, sent[kind]) for kind in ("instrument", "group") if kind in sent}
    return Options(**sent | numbers | {"spectra": tuple(sent.get("spectra", ()))})


class TransientTnsView(APIView):
    """TNS report of one transient."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(parameters=[TnsOptionsSerializer], responses={200: TnsPreviewSerializer} | error_answers(400, 404))
    def get(self, request: Request, name: str) -> Response:
        """A preview: the exact report of the vetted classification, and what is missing in it. Nothing is sent."""
        options = _options(checked(TnsOptionsSerializer, request.query_params))
        report = build_report(user_of(request), transient_of(request, name), options)
        return Response(TnsPreviewSerializer(report).data)

    @extend_schema(
        request=TnsSubmissionSerializer,
        responses={202: TnsReportSerializer} | error_answers(400, 404, 409),
        examples=_EXAMPLES,
    )
    def post(self, request: Request, name: str) -> Response:
        """Submit the report to the sandbox or the live TNS.

        This needs the permission “Can add tns report”, the desk's own TNS credentials, and the TNS name once more in
        ``confirmation``.
        """
        sent = checked(TnsSubmissionSerializer, request.data)
        target, confirmation = sent.pop("target"), sent.pop("confirmation")
        row = reports.submit(user_of(request), transient_of(request, name), _options(sent), target, confirmation)
        return Response(TnsReportSerializer(row).data, status=202)


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class TnsReportsView(generics.ListAPIView[TnsReport]):
    """Reports that were submitted, newest first."""

    serializer_class = TnsReportSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[TnsReport]:
        """Return the reports that the user may see."""
        return TnsReport.objects.visible_to(user_of(self.request)).select_related("transient", "sent_by")


class SettleView(APIView):
    """Settling of one report."""

    parser_classes = (StorableJSONParser,)

    @extend_schema(request=SettleSerializer, responses={200: TnsReportSerializer} | error_answers(400, 404, 409))
    def post(self, request: Request, report_id: int) -> Response:
        """Say whether a report without an answer arrived, after you have looked at the TNS."""
        arrived = checked(SettleSerializer, request.data)["arrived"]
        return Response(TnsReportSerializer(reports.settle(user_of(request), report_id, arrived=arrived)).data)
