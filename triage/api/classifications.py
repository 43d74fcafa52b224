"""Vetted classifications: pages, whole tables, and what has changed since a reader last looked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from triage import export
from triage.api.base import FIELDS, ClassificationOrder, user_of, wanted_fields
from triage.api.classification_serializers import ClassificationPageSerializer
from triage.api.renderers import CsvRenderer, JsonLinesRenderer, TableRenderer, VOTableRenderer
from triage.api.serializers import ErrorSerializer
from triage.querysets import ClassificationQuerySet, SharedQuerySet

_CURSOR = re.compile(r"c(\d{1,18})", re.ASCII)
_SINCE = (
    "ISO 8601: those decided at or after that time. Or a cursor: what has changed after it, withdrawals included; "
    "c0 begins at the beginning"
)
_EXAMPLE = {
    "id": 5,
    "transient": "SN 2026abc",
    "class_name": "TDE",
    "redshift": 0.052,
    "redshift_error": None,
    "redshift_source": "given",
    "redshift_origin": "reviewer",
    "ra": 120.5,
    "dec": -12.25,
    "verdict": "override",
    "reviewer": "ann",
    "decided_at": "2026-11-23T04:05:06.789012Z",
    "comment": "blue, broad He II",
    "group": None,
    "predicted_class": "SN II",
    "predicted_probability": 0.61,
    "predicted_redshift": 0.05,
    "checkpoint": "9f2c41d0a7",
    "spectra": [17],
    "simulated": False,
}
_CHANGE = {"sequence": 42, "withdrawn": True, "changed_at": "2026-11-23T05:00:00.000001Z"}


class ClassificationsView(APIView):
    """Vetted classifications. JSON comes in pages; CSV, VOTable and JSON lines whole, however long."""

    renderer_classes = (JSONRenderer, CsvRenderer, VOTableRenderer, JsonLinesRenderer)

    @extend_schema(
        parameters=[
            OpenApiParameter("since", str, description=_SINCE),
            OpenApiParameter("class_name", str),
            OpenApiParameter("reviewer", str, description="user name"),
            OpenApiParameter("transient", str, description="name"),
            FIELDS,
            OpenApiParameter("format", str, enum=["json", "csv", "votable", "jsonl"]),
            OpenApiParameter("cursor", str, description="of a page; follow ``next`` instead of making one"),
            OpenApiParameter("page_size", int),
        ],
        responses={
            (200, "application/json"): ClassificationPageSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/x-votable+xml"): OpenApiTypes.STR,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            400: ErrorSerializer,
            404: ErrorSerializer,
        },
        examples=[
            OpenApiExample(
                "what stands",
                value={"next": None, "previous": None, "results": [_EXAMPLE], "since": "c42"},
                media_type="application/json",
                response_only=True,
                status_codes=["200"],
            ),
            OpenApiExample(
                "?since=c41: it was taken back",
                value={"next": None, "previous": None, "results": [_EXAMPLE | _CHANGE], "since": "c42"},
                media_type="application/json",
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """What stands, newest first. With a cursor in ``since``: every classification that began to stand after it, and
        every one that was withdrawn (``withdrawn: true``), in the order in which that happened. Each answer holds the
        cursor to ask with next time in ``since`` (of a table: in the header X-Since)."""
        query = request.query_params
        text = query.get("since", "")
        cursor = _CURSOR.fullmatch(text)
        wanted = export.Wanted(
            since=None if cursor else _moment(text),
            class_name=query.get("class_name", ""),
            reviewer=query.get("reviewer", ""),
            transient=query.get("transient", ""),
        )
        if cursor:
            return self._changes(request, int(cursor[1]), wanted)
        user = user_of(request)
        # Read before the rows: what is decided in between comes once more with the cursor, not never.
        since = f"c{export.last_sequence(user)}"
        rows, columns = export.vetted(user, wanted), wanted_fields(query.get("fields", ""), export.COLUMNS)
        if isinstance(request.accepted_renderer, TableRenderer):
            return _table(request.accepted_renderer, rows, columns, since)
        paginator = ClassificationOrder()
        page = paginator.paginate_queryset(rows, request, view=self) or []
        links = {"next": paginator.get_next_link(), "previous": paginator.get_previous_link()}
        return Response({**links, "results": [_narrow(export.as_row(row), columns) for row in page], "since": since})

    def _changes(self, request: Request, sequence: int, wanted: export.Wanted) -> HttpResponseBase:
        columns = wanted_fields(request.query_params.get("fields", ""), export.CHANGE_COLUMNS)
        user = user_of(request)
        if not export.was_given_out(sequence):
            raise ValidationError({"since": ["this desk never gave out that cursor; begin again with c0"]})
        last = max(sequence, export.last_sequence(user))
        rows = export.changes_after(user, sequence, wanted).filter(pk__lte=last)
        if isinstance(request.accepted_renderer, TableRenderer):
            return _table(request.accepted_renderer, rows, columns, f"c{last}")
        size = ClassificationOrder().get_page_size(request) or ClassificationOrder.page_size
        page = list(rows[: size + 1])
        more = len(page) > size
        since = f"c{page[size - 1].pk if more else last}"
        here = remove_query_param(request.build_absolute_uri(), "cursor")
        return Response(
            {
                "next": replace_query_param(here, "since", since) if more else None,
                "previous": None,
                "results": [_narrow(export.as_row(row), columns) for row in page[:size]],
                "since": since,
            }
        )


def _table(
    renderer: TableRenderer, rows: ClassificationQuerySet | SharedQuerySet, columns: tuple[str, ...], since: str
) -> StreamingHttpResponse:
    response = renderer.stream(export.all_rows(rows), columns, "classifications")
    response.headers["X-Since"] = since
    return response


def _narrow(row: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in columns}


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        # A + that was not escaped arrives as a space.
        moment = parse_datetime(text.replace(" ", "+", 1) if "T" in text else text)
        if moment is None and (day := parse_date(text)):
            moment = datetime(day.year, day.month, day.day)
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValidationError({"since": ["give a time such as 2026-11-23T04:00:00Z, or a cursor such as c0"]})
