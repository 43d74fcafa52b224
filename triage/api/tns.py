"""TNS reports: a dry run, submission, and what became of each."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from triage import tns
from triage.api import examples
from triage.api import outside_serializers as shapes
from triage.api.base import FIELDS, NewestFirst, transient_of, user_of
from triage.api.serializers import ErrorSerializer
from triage.models import TnsReport
from triage.tns_report import Options, build_report

_ERRORS = {400: ErrorSerializer, 404: ErrorSerializer, 409: ErrorSerializer}


class TransientTnsView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(
        parameters=[shapes.TnsOptionsSerializer],
        responses={200: shapes.TnsPreviewSerializer, 400: ErrorSerializer, 404: ErrorSerializer},
    )
    def get(self, request: Request, name: str) -> Response:
        """A dry run: the exact report of the vetted classification, and what is missing in it. Nothing is sent."""
        form = shapes.TnsOptionsSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        report = build_report(user_of(request), transient_of(request, name), Options(**form.validated_data))
        return Response(shapes.TnsPreviewSerializer(report).data)

    @extend_schema(
        request=shapes.TnsSubmissionSerializer,
        responses={202: shapes.TnsReportSerializer, **_ERRORS},
        examples=examples.TNS,
    )
    def post(self, request: Request, name: str) -> Response:
        """Submit it to the sandbox or the live TNS. Needs the permission “Can add tns report”, the desk's credentials,
        and the TNS name once more in ``confirmation``."""
        form = shapes.TnsSubmissionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent: dict[str, Any] = dict(form.validated_data)
        target, confirmation = sent.pop("target"), sent.pop("confirmation")
        row = tns.submit(user_of(request), transient_of(request, name), Options(**sent), target, confirmation)
        return Response(shapes.TnsReportSerializer(row).data, status=202)


@extend_schema_view(get=extend_schema(parameters=[FIELDS]))
class TnsReportsView(generics.ListAPIView[TnsReport]):
    """Reports that were submitted, newest first."""

    serializer_class = shapes.TnsReportSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[TnsReport]:
        rows: QuerySet[TnsReport] = TnsReport.objects.visible_to(self.request.user)
        return rows.select_related("transient", "sent_by")


class SettleView(APIView):
    parser_classes = (JSONParser,)

    @extend_schema(request=shapes.SettleSerializer, responses={200: shapes.TnsReportSerializer, **_ERRORS})
    def post(self, request: Request, report_id: int) -> Response:
        """Say whether a report without an answer arrived, after looking at the TNS."""
        form = shapes.SettleSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = tns.settle(user_of(request), report_id, arrived=form.validated_data["arrived"])
        return Response(shapes.TnsReportSerializer(row).data)
