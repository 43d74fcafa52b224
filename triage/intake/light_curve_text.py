"""The text of a light curve, taken apart into a header and rows: CSV, blanks, comments, and SNANA's lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence

from triage.errors import UnreadableLightCurveError

MAX_BYTES = 2 << 20
MAX_POINTS = 20_000
_NOT_TEXT = "this file is not text; send the light curve as a CSV table"
_SNANA_NAMES, _SNANA_ROW = re.compile(r"VARLIST:\s*(.*)"), re.compile(r"OBS:\s*(.*)")
_BRACKETS = re.compile(r"[\[(]([^)\]]{0,100})[\])]")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read_rows(
    content: bytes, is_header: Callable[[Sequence[str]], bool]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the titles of the columns, and each row below them with the number of its line.

    content: the file's bytes.
    is_header: tells whether titles are those of a light curve.

    Raises UnreadableLightCurveError.
    """
    lines = _without_snana_keys(_lines(content))
    # Astronomers often write the header as a comment, and other comments before it.
    start = next((i for i, (_, line) in enumerate(lines) if is_header(_titles(line))), 0)
    rows = [(number, line) for number, line in lines[start + 1 :] if not line.startswith(("#", "@", "END:"))]
    if not lines or not rows:
        raise UnreadableLightCurveError("the file has no header with lines below it")
    if len(rows) > MAX_POINTS:
        raise UnreadableLightCurveError(f"a light curve may have {MAX_POINTS} points")
    head = lines[start][1].lstrip("# ")
    return _titles(head), [(number, _cells(line, head)) for number, line in rows]


def read_preamble(content: bytes, is_header: Callable[[Sequence[str]], bool]) -> list[str]:
    """Return the lines above the titles of the columns, and the comments below them; parameters as ``read_rows``."""
    lines = [line for _, line in _lines(content)]
    start = next((i for i, line in enumerate(lines) if is_header(_titles(line)) or _SNANA_NAMES.match(line)), 0)
    return lines[:start] + [line for line in lines[start + 1 :] if line.startswith(("#", "@"))]


def _lines(content: bytes) -> list[tuple[int, str]]:
    """Return the lines that are not empty, with their numbers."""
    if len(content) > MAX_BYTES:
        raise UnreadableLightCurveError(f"a light curve may have {MAX_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableLightCurveError(_NOT_TEXT) from None
    if "\0" in text:
        raise UnreadableLightCurveError(_NOT_TEXT)
    return [(number, line.strip(" ")) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _without_snana_keys(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the header and the rows of an SNANA file without the keys before them, and other lines unchanged."""
    kept = [(number, match[1]) for number, line in lines if (match := _SNANA_NAMES.match(line))]
    kept += [(number, match[1]) for number, line in lines if (match := _SNANA_ROW.match(line))]
    return kept if len(kept) > 1 else lines


def _titles(line: str) -> list[str]:
    """Return the titles of the columns as "mag_err", with a unit in brackets only behind a flux: "flux_ujy"."""
    line = line.lstrip("# ")
    titles = []
    for cell in _cells(line, line):
        unit = _BRACKETS.search(cell)
        words = re.sub(r"[^a-z0-9/]+", "_", _BRACKETS.sub(" ", cell.lower())).strip("_")
        titles.append(f"{words}_{unit[1].strip().lower()}" if unit and words.endswith("flux") else words)
    return titles


def _cells(line: str, head: str) -> list[str]:
    separator = next((mark for mark in (",", ";", "\t") if mark in head), None)
    # ZTF separates the names of its columns with commas, and the numbers below with blanks.
    if separator is None or separator not in line:
        return line.split()
    try:
        cells = next(csv.reader(io.StringIO(line), delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return []
    if separator == ";":
        cells = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell for cell in cells]
    return cells
