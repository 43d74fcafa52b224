"""The digest of a night as plain text, for e-mails and for copying."""

from __future__ import annotations

from typing import Any

from triage.export.digest import MOST, Digest
from triage.export.text_table import aligned
from triage.intake.wording import redshift_in_words

INDENT = "  "


def as_text(digest: Digest) -> str:
    """Return the digest as plain text of several lines."""
    parts = [
        [f"Night of {digest.night} (noon to noon, UTC)"],
        _arrived(digest),
        _rare(digest),
        _vetted(digest),
        _waiting(digest),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _arrived(digest: Digest) -> list[str]:
    return [
        _title("Arrived", digest.count, "spectrum", "spectra"),
        *_counts([(name, str(number)) for name, number in digest.arrived]),
    ]


def _counts(rows: list[tuple[str, str]]) -> list[str]:
    """Return a line for each name and number, the numbers below each other."""
    width, digits = (max((len(row[i]) for row in rows), default=0) for i in (0, 1))
    return [f"{INDENT}{name.ljust(width)}  {number.rjust(digits)}" for name, number in rows]


def _rare(digest: Digest) -> list[str]:
    title = _title("New and rare", len(digest.rare), "transient", "transients")
    cells = [
        [
            row.transient,
            row.prediction.class_name,
            f"{row.prediction.probability:.2f}",
            row.vetted_class or "not vetted",
            row.reason,
        ]
        for row in digest.rare
    ]
    return [title, *_table(["Transient", "Network", "Prob.", "Vetted as", "Why"], cells)]


def _vetted(digest: Digest) -> list[str]:
    title = _title("Vetted", len(digest.vetted), "transient", "transients")
    cells = [[row["transient"], row["class_name"], redshift(row), phase(row), row["reviewer"]] for row in digest.vetted]
    return [title, *_table(["Transient", "Class", "z", "Phase", "Reviewer"], cells)]


def _waiting(digest: Digest) -> list[str]:
    title = _title("Waiting for votes now", len(digest.waiting), "transient", "transients")
    return [title, *_table(["Transient", "State"], [[row.transient, row.words] for row in digest.waiting])]


def _table(header: list[str], cells: list[list[str]]) -> list[str]:
    return aligned(header, cells, INDENT) if cells else []


def _title(what: str, number: int, one: str, several: str) -> str:
    if not number:
        return f"{what}: none"
    more = " (no more are listed)" if number == MOST and one == "transient" else ""
    return f"{what}: {number} {one if number == 1 else several}{more}"


def redshift(row: dict[str, Any]) -> str:
    """Return the redshift of a vetted row with the digits that it has, or "-" if it is unknown."""
    return "-" if row["redshift"] is None else redshift_in_words(row["redshift"], row["redshift_error"])


def phase(row: dict[str, Any]) -> str:
    """Return the phase of a vetted row in whole days, such as "+3 d", or "-" if it is unknown."""
    return "-" if row["phase"] is None else f"{round(row['phase']):+d} d"
