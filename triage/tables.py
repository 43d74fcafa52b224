"""Tables of classifications as text, line by line, so that a long one needs no more memory than a short one."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

# VOTable's types of what is no text; units where there are any.
_DATATYPES = {
    **dict.fromkeys(
        ("redshift", "redshift_error", "ra", "dec", "predicted_probability", "predicted_redshift"), "double"
    ),
    **dict.fromkeys(("id", "sequence"), "long"),
    **dict.fromkeys(("simulated", "withdrawn"), "boolean"),
}
_UNITS = {"ra": "deg", "dec": "deg"}
# Unified Content Descriptors (IVOA UCD1+): what a column is, whatever it is called.
_UCDS = {
    "transient": "meta.id;meta.main",
    "class_name": "src.class",
    "redshift": "src.redshift",
    "redshift_error": "stat.error;src.redshift",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "predicted_probability": "stat.probability",
    "decided_at": "time.processing",
}
# XML has no way to write these.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def json_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """A JSON object a line."""
    for row in rows:
        yield json.dumps({column: row[column] for column in columns}, ensure_ascii=False) + "\n"


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """A header and a line for each row. A cell that a spreadsheet would run as a formula gets a leading quote."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


def votable_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """A VOTable 1.4 in its TABLEDATA form; unknown numbers are NaN, unknown texts empty."""
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n<RESOURCE type="results">\n'
    yield '<TABLE name="classifications">\n'
    for column in columns:
        yield _field(column)
    yield "<DATA><TABLEDATA>\n"
    for row in rows:
        cells = "".join(f"<TD>{_votable_cell(row[column], column)}</TD>" for column in columns)
        yield f"<TR>{cells}</TR>\n"
    yield "</TABLEDATA></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"


def _field(column: str) -> str:
    unit = f" unit={quoteattr(_UNITS[column])}" if column in _UNITS else ""
    datatype = _DATATYPES.get(column)
    kind = f'datatype="{datatype}"' if datatype else 'datatype="unicodeChar" arraysize="*"'
    ucd = f" ucd={quoteattr(_UCDS[column])}" if column in _UCDS else ""
    return f"<FIELD ID={quoteattr(column)} name={quoteattr(column)} {kind}{unit}{ucd}/>\n"


def _votable_cell(value: Any, column: str) -> str:
    if column in _DATATYPES:
        return "NaN" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return escape(_NOT_IN_XML.sub("\ufffd", "" if value is None else str(_plain(value))))


def _plain(value: Any) -> Any:
    return " ".join(str(item) for item in value) if isinstance(value, list) else value
