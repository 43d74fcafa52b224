"""Formats of whole tables: CSV, VOTable and JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer

from triage.export.tables import csv_lines, json_lines, votable_lines

Rows = Iterable[Mapping[str, Any]]


class TableRenderer(BaseRenderer):
    """A format in which a whole table is streamed.

    lines: function of the rows and the columns that yields the text piece by piece.
    suffix: ending of the downloaded file's name.
    """

    lines: Callable[[Rows, Sequence[str]], Iterator[str]]
    suffix = ""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return nothing: a table is streamed, and an error is rendered as JSON."""
        return b""

    def stream(self, rows: Rows, columns: Sequence[str], name: str) -> StreamingHttpResponse:
        """Return a download that is written while the rows are read.

        rows: the table's rows, each with at least the columns.
        columns: names of the columns, in their order.
        name: name of the file, without its ending.
        """
        pieces = (piece.encode() for piece in type(self).lines(rows, columns))
        disposition = f'attachment; filename="{name}.{self.suffix}"'
        content_type = f"{self.media_type}; charset=utf-8"
        return StreamingHttpResponse(pieces, content_type, headers={"Content-Disposition": disposition})


class CsvRenderer(TableRenderer):
    """Comma-separated values."""

    media_type = "text/csv"
    format = "csv"
    suffix = "csv"
    lines = staticmethod(csv_lines)


class JsonLinesRenderer(TableRenderer):
    """One JSON object a line."""

    media_type = "application/x-ndjson"
    format = "jsonl"
    suffix = "jsonl"
    lines = staticmethod(json_lines)


class VOTableRenderer(TableRenderer):
    """The Virtual Observatory's XML table."""

    media_type = "application/x-votable+xml"
    format = "votable"
    suffix = "vot"
    lines = staticmethod(votable_lines)
