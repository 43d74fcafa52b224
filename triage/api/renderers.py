"""Tables of classifications as CSV, VOTable and JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.renderers import BaseRenderer

from triage.tables import csv_lines, json_lines, votable_lines

Rows = Iterable[Mapping[str, Any]]


class TableRenderer(BaseRenderer):
    """A format of which a whole table is streamed. lines: from rows and columns to pieces of text."""

    lines: Callable[[Rows, Sequence[str]], Iterator[str]]
    suffix = ""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Nothing: what is rendered at once is an error, and that is JSON."""
        return b""

    def stream(self, rows: Rows, columns: Sequence[str], name: str) -> StreamingHttpResponse:
        """A download that is written as the rows come."""
        pieces = (piece.encode() for piece in type(self).lines(rows, columns))
        disposition = f'attachment; filename="{name}.{self.suffix}"'
        content_type = f"{self.media_type}; charset=utf-8"
        return StreamingHttpResponse(pieces, content_type, headers={"Content-Disposition": disposition})


class CsvRenderer(TableRenderer):
    media_type = "text/csv"
    format = "csv"
    suffix = "csv"
    lines = staticmethod(csv_lines)


class JsonLinesRenderer(TableRenderer):
    media_type = "application/x-ndjson"
    format = "jsonl"
    suffix = "jsonl"
    lines = staticmethod(json_lines)


class VOTableRenderer(TableRenderer):
    media_type = "application/x-votable+xml"
    format = "votable"
    suffix = "vot"
    lines = staticmethod(votable_lines)
