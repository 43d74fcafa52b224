"""Draft of a table for an AstroNote or an ATel, from vetted rows of a digest."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any, Self

from classifier.readers.coordinates import sexagesimal
from triage.export.digest_text import phase, redshift
from triage.export.tables import csv_lines
from triage.export.text_table import aligned

HEADER = ("Name", "RA (ICRS)", "Dec (ICRS)", "Class", "z", "Phase", "Date (UTC)", "Instrument", "Reviewer")
CSV_COLUMNS = ("name", "ra_deg", "dec_deg", "class", "z", "phase_days", "date", "instrument", "reviewer")


@dataclasses.dataclass(frozen=True)
class Draft:
    """A table of vetted transients.

    text: the table as aligned plain text.
    csv: the same with places in degrees and empty cells for what is unknown.
    warnings: what to check before it is published, a sentence each.
    """

    text: str
    csv: str
    warnings: list[str]

    @classmethod
    def of(cls, vetted: Iterable[dict[str, Any]], chosen: Collection[str]) -> Self | None:
        """Return the table of the chosen transients, or None if none of them is among the rows.

        vetted: rows of ``Digest.vetted``.
        chosen: ids of transients as text.
        """
        rows = [row for row in vetted if str(row["number"]) in chosen]
        if not rows:
            return None
        text = "\n".join(aligned(HEADER, [_cells(row) for row in rows])) + "\n"
        return cls(text, "".join(csv_lines(map(_csv_row, rows), CSV_COLUMNS)), _warnings(rows))


def _cells(row: dict[str, Any]) -> list[str]:
    place = ("-", "-") if row["ra"] is None or row["dec"] is None else sexagesimal(row["ra"], row["dec"])
    cells = (row["transient"], *place, row["class_name"], redshift(row), phase(row), _date(row), row["instrument"])
    return [cell or "-" for cell in (*cells, row["reviewer"])]


def _csv_row(row: dict[str, Any]) -> dict[str, Any]:
    values = (row["transient"], row["ra"], row["dec"], row["class_name"], row["redshift"], row["phase"], _date(row))
    return dict(zip(CSV_COLUMNS, (*values, row["instrument"], row["reviewer"]), strict=True))


def _date(row: dict[str, Any]) -> str:
    """Return when the spectrum was observed, to the minute, or only the day if that was guessed, or ""."""
    if row["observed_at"] is None:
        return ""
    return f"{row['observed_at']:{'%Y-%m-%d' if row['date_guessed'] else '%Y-%m-%d %H:%M'}}"


def _warnings(rows: list[dict[str, Any]]) -> list[str]:
    found = []
    if simulated := [row["transient"] for row in rows if row["simulated"]]:
        found.append(f"Simulated, not observed: {', '.join(simulated)}.")
    if private := [f"{row['transient']} ({row['group']})" for row in rows if row["group"]]:
        found.append(f"Only a group may see: {', '.join(private)}.")
    if placeless := [row["transient"] for row in rows if row["ra"] is None or row["dec"] is None]:
        found.append(f"Without coordinates: {', '.join(placeless)}.")
    if estimated := [row["transient"] for row in rows if row["redshift_source"] in ("network", "template")]:
        found.append(f"The redshift is the network's or a template's: {', '.join(estimated)}.")
    if guessed := [row["transient"] for row in rows if row["date_guessed"]]:
        found.append(f"The date is a guess from the file: {', '.join(guessed)}.")
    return found
