"""How the rows of a text table are written: separators, frames, quotes, decimal signs and exponents, made plain."""

from __future__ import annotations

import re
from collections.abc import Sequence

from classifier.readers.limits import MAX_LINE

FORTRAN = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?$")
_LABEL = re.compile(r"[^\d\s,;|.+-][^\s,;|]{0,120}(?=[\s,;|]+[\"']?[+-]?[.,]?\d\S*[\s,;|]+[\"']?[+-]?[.,]?\d)")
FRAME = "|()[]{}"


def unframed(line: str) -> str:
    """A line without the bars or brackets around it: ``| 4000 | 1.2 |`` and ``(4000, 1.2),`` are rows of numbers."""
    if line[0] not in FRAME or len(line) > MAX_LINE:
        return line
    return line.rstrip(", ").strip(FRAME + " ")


def labelled_rows(lines: Sequence[str]) -> list[str]:
    """Rows that begin with a word, such as the object's name, with nan in its place so that the columns stay."""
    stripped = (line.strip() for line in lines)
    return [_LABEL.sub("nan", line, count=1) for line in stripped if len(line) <= MAX_LINE and _LABEL.match(line)]


def dialect(rows: Sequence[str]) -> tuple[str | None, bool]:
    """Separator (None: white space) and whether the comma is the decimal sign, from rows in the middle."""
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


def plain_rows(rows: list[str], separator: str | None, decimal_comma: bool) -> list[str]:
    """The rows with a point for the decimal sign, an ``e`` for the exponent and no quotation marks."""
    sample = rows[:: max(len(rows) // 50, 1)]
    if any('"' in row or "'" in row for row in sample):
        rows = [_QUOTED.sub(_unquoted, row).replace('"', "").replace("'", "") for row in rows]
    if decimal_comma:
        rows = [row.replace(",", ".") for row in rows]
    if any(FORTRAN.search(row) for row in sample):
        rows = [FORTRAN.sub("e", row) for row in rows]
    return [row.rstrip(separator) for row in rows] if separator else rows


def _unquoted(match: re.Match[str]) -> str:
    """Within quotation marks a comma parts thousands ("3,800.5") or is the decimal sign ("3800,5")."""
    cell = (match[1] or match[2] or "").strip()
    return cell.replace(",", "") if _THOUSANDS.match(cell) else cell.replace(",", ".")
