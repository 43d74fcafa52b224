"""Dialects of text tables: separators, frames, quotes, decimal signs and exponents, turned into plain rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from classifier.readers.limits import MAX_LINE

FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?$")
_LABEL = re.compile(r"[^\d\s,;|.+-][^\s,;|]{0,120}(?=[\s,;|]+[\"']?[+-]?[.,]?\d\S*[\s,;|]+[\"']?[+-]?[.,]?\d)")
FRAME = "|()[]{}"


def strip_frame(line: str) -> str:
    """Return a line without the bars or brackets around it, as in ``| 4000 | 1.2 |`` and ``(4000, 1.2),``."""
    if line[0] not in FRAME or len(line) > MAX_LINE:
        return line
    return line.rstrip(", ").strip(FRAME + " ")


def labelled_rows(lines: Sequence[str]) -> list[str]:
    """Return the rows that begin with a word, such as the object's name, with nan in its place to keep the columns."""
    stripped = (line.strip() for line in lines)
    return [_LABEL.sub("nan", line, count=1) for line in stripped if len(line) <= MAX_LINE and _LABEL.match(line)]


def find_dialect(rows: Sequence[str]) -> tuple[str | None, bool]:
    """Return the separator (None for white space), and whether the comma is the decimal sign.

    Rows in the middle of the table decide, because the first ones may be a heading.
    """
    sample = [_QUOTED.sub("0", row) for row in rows[len(rows) // 2 :][:5]]
    for separator in (";", "|"):
        if all(separator in row for row in sample):
            return separator, any("," in row for row in rows[len(rows) // 2 :][:5])
    words = [row.split() for row in sample]
    if all(len(row) >= 2 and all(re.fullmatch(r"[+-]?\d*,\d+\S*", w) for w in row[:2]) for row in words):
        return None, True
    if all("," in row for row in sample):
        return ",", False
    return None, False


def normalise_rows(rows: list[str], separator: str | None, decimal_comma: bool) -> list[str]:
    """Return the rows with decimal points, ``e`` for the exponent and no quotation marks.

    separator, decimal_comma: the dialect, from ``find_dialect``.
    """
    sample = rows[:: max(len(rows) // 50, 1)]
    if any('"' in row or "'" in row for row in sample):
        rows = [_QUOTED.sub(_unquoted, row).replace('"', "").replace("'", "") for row in rows]
    if decimal_comma:
        rows = [row.replace(",", ".") for row in rows]
    if any(FORTRAN.search(row) for row in sample):
        rows = [FORTRAN.sub("e", row) for row in rows]
    return [row.rstrip(separator) for row in rows] if separator else rows


def _unquoted(match: re.Match[str]) -> str:
    """Return a quoted cell with a decimal point: its comma separates thousands ("3,800.5") or is decimal ("3800,5")."""
    cell = (match[1] or match[2] or "").strip()
    return cell.replace(",", "") if _THOUSANDS.match(cell) else cell.replace(",", ".")
