"""Vetted classifications: pages, whole tables, and what has changed since a reader last looked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from triage.api.base import FIELDS, NewestFirst, user_of, wanted_fields
from triage.api.errors import error_answers
from triage.api.parameters import SIMULATED, choice_parameter, class_parameter, flag_parameter
from triage.api.renderers import CsvRenderer, JsonLinesRenderer, TableRenderer, VOTableRenderer
from triage.api.schema import answer_example
from triage.export import automatic, classifications

_CURSOR = re.compile(r"c(\d{1,18})", re.ASCII)
_PARAMETERS = [
    OpenApiParameter(
        "since",
        str,
        description="Either a time in ISO 8601, for classifications that were decided then or later, or a cursor such "
        "as c41, for the changes after it, withdrawals included. The cursor c0 is the beginning.",
    ),
    OpenApiParameter("until", str, description="A time in ISO 8601: those decided before it. Not with a cursor."),
    OpenApiParameter("class_name", str),
    OpenApiParameter("reviewer", str, description="User name."),
    OpenApiParameter("transient", str, description="Name of the transient."),
    OpenApiParameter("name", str, description="Part of the transient's name."),
    SIMULATED,
    OpenApiParameter(
        "automatic",
        str,
        enum=["include", "only"],
        description="Adds what automatic policies classified, after what people vetted, or lists it alone. "
        "Not with a cursor in since.",
    ),
    FIELDS,
    OpenApiParameter("format", str, enum=["json", "csv", "votable", "jsonl"]),
    OpenApiParameter("cursor", str, description="Cursor of a page; follow ``next`` instead of making one."),
    OpenApiParameter("page_size", int),
]
_STANDING = {
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
    "without_host_light": None,
    "phase": None,
    "phase_error": None,
    "looks_like": "iPTF16fnl (TDE-H+He)",
    "absolute_magnitude": None,
    "absolute_magnitude_filter": None,
    "checkpoint": "9f2c41d0a7",
    "observed_at": "2026-11-22T04:12:00Z",
    "date_guessed": False,
    "instrument": "EFOSC2",
    "spectra": [17],
    "simulated": False,
}
_WITHDRAWN = _STANDING | {"sequence": 42, "withdrawn": True, "changed_at": "2026-11-23T05:00:00.000001Z"}


def _page_example(name: str, row: dict[str, Any]) -> OpenApiExample:
    return answer_example(name, {"next": None, "previous": None, "results": [row], "since": "c42"}, 200)


class ClassificationSerializer(serializers.Serializer[dict[str, Any]]):
    """A vetted classification with its provenance: who decided what and when, on which prediction and which spectra.

    ra, dec: degrees, ICRS; null if unknown.
    group: the group that may see it, null for everybody.
    predicted_class, predicted_probability, predicted_redshift: the prediction at that moment.
    without_host_light: share of the light that was taken off as the host's before that prediction, null if none was.
    phase, phase_error: rest-frame days from maximum, from the light curve, else from the library's matches of the
        class; null if neither can tell.
    looks_like: object of the library that the spectrum looked most like, with its type; null without a library.
    absolute_magnitude, absolute_magnitude_filter: AB at maximum, null if no light curve covers it.
    checkpoint: hash of the weights that made the prediction.
    observed_at, instrument: of the spectrum that was decided on; null if unknown, or if its audience has changed since.
    spectra: ids of the spectra that the reviewer saw.

    While your own blind vote on a transient is wanted, a withdrawal shows null for everything that was decided.
    """

    id = serializers.IntegerField(allow_null=True, help_text="Id of the decision; null for an automatic row.")
    transient = serializers.CharField()
    class_name = serializers.CharField(allow_null=True)
    redshift = serializers.FloatField(allow_null=True)
    redshift_error = serializers.FloatField(allow_null=True, help_text="1σ; null if unknown.")
    redshift_source = serializers.ChoiceField(choices=["given", "network", "template"], allow_null=True)
    redshift_origin = serializers.CharField(allow_null=True)
    ra = serializers.FloatField(allow_null=True)
    dec = serializers.FloatField(allow_null=True)
    verdict = serializers.CharField(allow_null=True)
    reviewer = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField()
    comment = serializers.CharField(allow_null=True)
    group = serializers.CharField(allow_null=True)
    predicted_class = serializers.CharField(allow_null=True)
    predicted_probability = serializers.FloatField(allow_null=True)
    predicted_redshift = serializers.FloatField(allow_null=True)
    without_host_light = serializers.FloatField(allow_null=True)
    phase = serializers.FloatField(allow_null=True)
    phase_error = serializers.FloatField(allow_null=True)
    looks_like = serializers.CharField(allow_null=True)
    absolute_magnitude = serializers.FloatField(allow_null=True)
    absolute_magnitude_filter = serializers.CharField(allow_null=True)
    checkpoint = serializers.CharField(allow_null=True)
    observed_at = serializers.DateTimeField(allow_null=True)
    date_guessed = serializers.BooleanField(help_text="Whether the reader guessed observed_at from the file.")
    instrument = serializers.CharField(allow_null=True)
    spectra = serializers.ListField(child=serializers.IntegerField())
    simulated = serializers.BooleanField()
    sequence = serializers.IntegerField(
        required=False, help_text="Place of a change in the order of all changes; only in the answer to a cursor."
    )
    automatic = serializers.BooleanField(
        required=False, help_text="Whether a policy classified it and no person looked; only with ``automatic``."
    )
    conditions = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="Conditions of the policy, in words; null for people. Only with ``automatic``.",
    )
    withdrawn = serializers.BooleanField(
        required=False, help_text="Whether the classification no longer stands; only in the answer to a cursor."
    )
    changed_at = serializers.DateTimeField(
        required=False, help_text="Time of the change; only in the answer to a cursor."
    )


class ClassificationPageSerializer(serializers.Serializer[dict[str, Any]]):
    """One page of classifications."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ClassificationSerializer(many=True)
    since = serializers.CharField(help_text="Cursor to send next time as ``since``.")


class ClassificationOrder(NewestFirst):
    """Pages by the time of the decision, the newest first."""

    ordering = ("-decided_at", "-id")


class AutomaticOrder(NewestFirst):
    """Pages by the time of the automatic classification, the newest first."""

    ordering = ("-created_at", "-id")


class ClassificationsView(APIView):
    """Vetted classifications. JSON comes in pages; CSV, VOTable and JSON lines come as one whole table."""

    renderer_classes = (JSONRenderer, CsvRenderer, VOTableRenderer, JsonLinesRenderer)

    @extend_schema(
        parameters=_PARAMETERS,
        responses={
            (200, "application/json"): ClassificationPageSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/x-votable+xml"): OpenApiTypes.STR,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
        }
        | error_answers(400, 404),
        examples=[
            _page_example("what stands", _STANDING),
            _page_example("?since=c41: it was taken back", _WITHDRAWN),
        ],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Vetted classifications that stand, newest first.

        With a cursor in ``since`` the answer holds the changes after it, in the order in which they happened: every
        classification that began to stand, and every one that was withdrawn (``withdrawn: true``). Each answer holds
        the cursor for the next time in ``since``, or in the header X-Since of a table.
        """
        query = request.query_params
        since = query.get("since", "")
        cursor = _CURSOR.fullmatch(since)
        wanted = classifications.Wanted(
            since=None if cursor else _moment(since),
            class_name=class_parameter(request, "class_name"),
            reviewer=query.get("reviewer", ""),
            until=_moment(query.get("until", ""), "until"),
            transient=query.get("transient", ""),
            name=query.get("name", ""),
            simulated=flag_parameter(request, "simulated"),
        )
        if cursor and wanted.until is not None:
            raise ValidationError({"until": ["a cursor asks for changes, which have no end: leave until out"]})
        policies = choice_parameter(request, "automatic", ("include", "only"))
        if policies and cursor:
            raise ValidationError({"automatic": ["a cursor follows what people vetted: leave automatic out"]})
        return self._changes(request, int(cursor[1]), wanted) if cursor else self._standing(request, wanted, policies)

    def _standing(self, request: Request, wanted: classifications.Wanted, policies: str | None) -> HttpResponseBase:
        """Answer with what stands.

        policies: "include" adds what policies classified, after what people vetted; "only" lists it alone; None leaves
            it out.
        """
        user = user_of(request)
        # The cursor is read before the rows, so that a decision taken in between comes again and is not lost.
        since = f"c{classifications.last_sequence(user)}"
        known = automatic.MARKED_COLUMNS if policies else classifications.COLUMNS
        columns = wanted_fields(request.query_params.get("fields", ""), known)
        by_people = [] if policies == "only" else [classifications.vetted(user, wanted)]
        tables: list[QuerySet[Any]] = [*by_people, *([automatic.standing(user, wanted)] if policies else [])]
        if isinstance(request.accepted_renderer, TableRenderer):
            return _table(request.accepted_renderer, automatic.all_rows(tables), columns, since)
        paginator = ClassificationOrder() if by_people else AutomaticOrder()
        page = paginator.paginate_queryset(tables[0], request, view=self) or []
        # Each table has pages of its own: the last page of what people vetted leads to what policies classified.
        here = remove_query_param(request.build_absolute_uri(), "cursor")
        following = replace_query_param(here, "automatic", "only") if policies == "include" else None
        return Response(
            {
                "next": paginator.get_next_link() or following,
                "previous": paginator.get_previous_link(),
                "results": [_narrow(automatic.as_row(row), columns) for row in page],
                "since": since,
            }
        )

    def _changes(self, request: Request, sequence: int, wanted: classifications.Wanted) -> HttpResponseBase:
        columns = wanted_fields(request.query_params.get("fields", ""), classifications.CHANGE_COLUMNS)
        user = user_of(request)
        last = classifications.last_sequence(user)
        if sequence > last:
            # A reader may hold such a cursor after a backup of the database was restored. The answer must not tell
            # whether others, whom the reader may not see, have come that far.
            raise ValidationError({"since": ["this desk never gave you that cursor; begin again with c0"]})
        rows = classifications.changes_after(user, sequence, wanted).filter(pk__lte=last)
        if isinstance(request.accepted_renderer, TableRenderer):
            return _table(request.accepted_renderer, classifications.all_rows(rows), columns, f"c{last}")
        size = ClassificationOrder().get_page_size(request) or ClassificationOrder.page_size
        page = list(rows[: size + 1])
        more = len(page) > size
        since = f"c{page[size - 1].pk if more else last}"
        here = remove_query_param(request.build_absolute_uri(), "cursor")
        return Response(
            {
                "next": replace_query_param(here, "since", since) if more else None,
                "previous": None,
                "results": [_narrow(classifications.as_row(row), columns) for row in page[:size]],
                "since": since,
            }
        )


def _table(
    renderer: TableRenderer, rows: Iterator[dict[str, Any]], columns: tuple[str, ...], since: str
) -> StreamingHttpResponse:
    response = renderer.stream(rows, columns, "classifications")
    response.headers["X-Since"] = since
    return response


def _narrow(row: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in columns}


def _moment(text: str, name: str = "since") -> datetime | None:
    """Return the time in UTC, or None for an empty text. Raises ValidationError for anything else."""
    if not text:
        return None
    try:
        # A plus sign that was not escaped in the address arrives as a space.
        moment = parse_datetime(text.replace(" ", "+", 1) if "T" in text else text)
        if moment is None and (day := parse_date(text)):
            moment = datetime(day.year, day.month, day.day)
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    also = ", or a cursor such as c0" if name == "since" else ""
    raise ValidationError({name: [f"give a time such as 2026-11-23T04:00:00Z{also}"]})
