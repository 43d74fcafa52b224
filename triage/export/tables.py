"""Tables of classifications as text: JSON lines, CSV and VOTable.

Each is written line by line, so that a long table needs no more memory than a short one.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

# VOTable's types of the columns that are not text.
_DATATYPES = {
    **dict.fromkeys(
        (
            "redshift",
            "redshift_error",
            "ra",
            "dec",
            "predicted_probability",
            "predicted_redshift",
            "without_host_light",
            "phase",
            "phase_error",
            "absolute_magnitude",
        ),
        "double",
    ),
    **dict.fromkeys(("id", "sequence"), "long"),
    **dict.fromkeys(("date_guessed", "simulated", "withdrawn", "automatic"), "boolean"),
}
_UNITS = {"ra": "deg", "dec": "deg", "phase": "d", "phase_error": "d", "absolute_magnitude": "mag"}
# Unified Content Descriptors (IVOA UCD1+), by which programs find a column whatever its name.
_UCDS = {
    "transient": "meta.id;meta.main",
    "class_name": "src.class",
    "redshift": "src.redshift",
    "redshift_error": "stat.error;src.redshift",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "predicted_probability": "stat.probability",
    "decided_at": "time.processing",
    "observed_at": "time.epoch;obs",
    "instrument": "meta.id;instr",
}
# Meaning of each column, for a reader who meets it outside of the desk.
_DESCRIPTIONS = {
    "id": "Number of the decision at this desk",
    "transient": "Name of the transient",
    "class_name": "Class that people decided on, or that a policy gave if automatic is true",
    "redshift": "Heliocentric redshift",
    "redshift_error": "1 sigma error of the redshift",
    "redshift_source": "given (by people or a catalogue), network or template",
    "redshift_origin": "Origin of the redshift, such as host, reviewer or network",
    "ra": "Right ascension, ICRS",
    "dec": "Declination, ICRS",
    "verdict": "confirm: the class that the network predicted; override: another one",
    "reviewer": "User name of the reviewer",
    "decided_at": "Time of the decision, UTC, ISO 8601",
    "comment": "Comment of the reviewer",
    "group": "Group that the classification is private to; empty for everybody",
    "predicted_class": "Class that the network predicted at that moment",
    "predicted_probability": "Calibrated probability of the predicted class",
    "predicted_redshift": "Redshift that the network found at that moment",
    "without_host_light": "Share of the light that was taken off as the host galaxy's before that prediction",
    "phase": "Rest-frame days from maximum light, from the light curve, else from named matches of the class",
    "phase_error": "1 sigma error of the phase",
    "looks_like": "Object of the library that the spectrum looked most like, with its type",
    "absolute_magnitude": "Absolute magnitude (AB) at maximum, if a light curve covers it",
    "absolute_magnitude_filter": "Filter of the absolute magnitude",
    "checkpoint": "Hash of the network's weights",
    "observed_at": "Time of observation of the spectrum that was decided on, UTC, ISO 8601; empty if unknown",
    "date_guessed": "Whether observed_at was guessed from the file, such as from its name",
    "instrument": "Instrument of that spectrum; empty if unknown",
    "spectra": "Numbers of the spectra that the reviewer saw",
    "simulated": "Whether the spectra are simulated ones of the demo night",
    "automatic": "Whether a policy classified it and no person looked at it",
    "conditions": "Conditions of the policy, which the prediction fulfils",
    "sequence": "Place of the change in the order of all changes",
    "withdrawn": "Whether the classification no longer stands",
    "changed_at": "Time of the change, UTC, ISO 8601",
}
# XML cannot hold these characters, not even escaped.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def json_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """Yield one JSON object a line.

    rows: the table's rows, each with at least the columns.
    columns: names of the columns, in their order.
    """
    for row in rows:
        yield json.dumps({column: row[column] for column in columns}, ensure_ascii=False) + "\n"


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """Yield a header and then one line for each row.

    A cell that a spreadsheet would run as a formula gets a leading quote.

    rows: the table's rows, each with at least the columns.
    columns: names of the columns, in their order.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: object) -> object:
    value = _joined(value)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


def votable_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """Yield a VOTable 1.4 in its TABLEDATA form. Unknown numbers are NaN, unknown texts empty.

    rows: the table's rows, each with at least the columns.
    columns: names of the columns, in their order.
    """
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
    attributes = f"ID={quoteattr(column)} name={quoteattr(column)} {kind}{unit}{ucd}"
    return f"<FIELD {attributes}><DESCRIPTION>{escape(_DESCRIPTIONS[column])}</DESCRIPTION></FIELD>\n"


def _votable_cell(value: object, column: str) -> str:
    if column not in _DATATYPES:
        return escape(_NOT_IN_XML.sub("\ufffd", "" if value is None else str(_joined(value))))
    if value is None:
        return "NaN" if _DATATYPES[column] == "double" else ""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _joined(value: object) -> object:
    """Return a list as one text with blanks between its items, and any other value as it is."""
    return " ".join(str(item) for item in value) if isinstance(value, list) else value
