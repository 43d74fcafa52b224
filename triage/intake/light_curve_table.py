"""Reader of light curves: tables with a header, as CSV or with other separators."""

from __future__ import annotations

import dataclasses
import math

from classifier.readers.dates import mjd_of, parse_date
from triage.errors import UnreadableLightCurveError
from triage.intake.light_curve_columns import (
    DATE,
    FLAGS,
    JULIAN_DATE,
    MICROJANSKY,
    Brightness,
    Columns,
    Unit,
    cell_text,
    find_columns,
    is_header,
)
from triage.intake.light_curve_text import MAX_POINTS, read_rows

__all__ = ["MAX_POINTS", "LightCurve", "Limit", "Point", "Unit", "read_light_curve"]

# Time (MJD), filter, brightness, and its 1σ error or None if it is unknown.
Point = tuple[float, str, float, float | None]
# Time (MJD), filter, and the limit: nothing brighter was seen.
Limit = tuple[float, str, float]
# A Julian date is larger than any MJD of the next millennium.
JULIAN = 2_000_000.0
JULIAN_MINUS_MJD = 2_400_000.5
_ZTF_FILTERS = {"1": "ztfg", "2": "ztfr", "3": "ztfi"}
# Magnitudes outside of this range, and errors above, stand for a missing value: 99, -99 or 999.
_MAGNITUDES, _LARGEST_ERROR = (-5.0, 40.0), 5.0
# A zero point beyond this is none: fluxes in erg/s/cm²/Hz have -48.6.
_LARGEST_ZERO_POINT = 100.0


@dataclasses.dataclass(frozen=True)
class LightCurve:
    """A light curve as read from a table.

    unit: unit of the brightness.
    points: measurements in order of time.
    limits: limits in order of time.
    skipped: number of lines that have neither brightness nor limit.
    """

    unit: Unit
    points: list[Point]
    limits: list[Limit]
    skipped: int


@dataclasses.dataclass(frozen=True)
class _Row:
    """A line of the table.

    mjd: time, MJD.
    band: filter.
    value: brightness, or None.
    bound: whether the table says that the brightness is a limit (“>20.5”, or a flag), or None if it does not say.
    error: 1σ error, or None.
    limit: value of the limit's column, or None.
    factor: factor to microjansky by the line's zero point, or None if it has none.
    """

    mjd: float
    band: str
    value: float | None
    bound: bool | None
    error: float | None
    limit: float | None
    factor: float | None


def read_light_curve(content: bytes) -> LightCurve:
    """Read a light curve from a table with a header.

    The table needs columns for time (mjd, jd or date), filter, and mag or flux. Columns for error and limit are read
    too, and a flux with a zero point (AB) in each line becomes microjansky. Commas, semicolons, tabs or blanks separate
    the columns, and lines that begin with # are left out. Tables of ATLAS, ZTF and its brokers, ASAS-SN, the Open
    Astronomy Catalogs, SNANA and sncosmo are read as they come.

    A line is a limit if its brightness says so (“>20.5”), if a flag says so, or if it has a limit but no brightness.
    In a table with errors, a line with neither an error nor another limit is a limit too.

    content: the file's bytes.

    Raises UnreadableLightCurveError, which says what is missing or which line is wrong.
    """
    head, rows = read_rows(content, is_header)
    kind, columns = find_columns(head, [row for _, row in rows])
    read = [_row(number, row, len(head), columns, kind) for number, row in rows]
    if kind.unit == "flux" and any(row.factor for row in read):
        kind = dataclasses.replace(kind, unit="uJy")
        # A flux without its zero point has no level.
        read = [row for row in read if row.factor]
    with_errors = any(row.error is not None for row in read)
    points: list[Point] = []
    limits: list[Limit] = []
    for row in read:
        factor = kind.factor * (row.factor or 1.0)
        if row.value is not None and _is_point(row, with_errors, kind):
            points.append((row.mjd, row.band, row.value * factor, None if row.error is None else row.error * factor))
        elif (limit := _limit(row, kind)) is not None:
            limits.append((row.mjd, row.band, limit * factor))
    if not points and not limits:
        raise UnreadableLightCurveError("no line of the table has a brightness")
    skipped = len(rows) - len(points) - len(limits)
    return LightCurve(kind.unit, sorted(points, key=_time), sorted(limits, key=_time), skipped)


def _is_point(row: _Row, with_errors: bool, kind: Brightness) -> bool:
    """Return whether the brightness of a line is a measurement and not a limit."""
    if row.bound is not None:
        return not row.bound
    # A flux below zero cannot be a limit.
    below_zero = kind.unit != "mag" and row.value is not None and row.value <= 0
    other_limit = row.limit is not None and row.limit != row.value
    return row.error is not None or not with_errors or other_limit or below_zero


def _limit(row: _Row, kind: Brightness) -> float | None:
    """Return the limit of a line, or None if it has none or its flux is not above zero."""
    limit = row.value if row.limit is None or (row.bound and row.value is not None) else row.limit
    return None if limit is None or (kind.unit != "mag" and limit <= 0) else limit


def _time(row: Point | Limit) -> float:
    return row[0]


def _row(number: int, row: list[str], width: int, at: Columns, kind: Brightness) -> _Row:
    if len(row) != width:
        raise UnreadableLightCurveError(f"line {number} has {len(row)} columns, the header has {width}")
    mjd = _mjd(number, row[at.time].strip(), at.time_name)
    zero_point = None if at.zero_point is None else _number(number, row[at.zero_point], "zero point")
    if zero_point is not None and abs(zero_point) > _LARGEST_ZERO_POINT:
        zero_point = None
    brightness = row[at.value].strip()
    value = _number(number, brightness.lstrip("<>=~ "), "brightness")
    error = None if at.error is None else _number(number, row[at.error], "error")
    limit = None if at.limit is None else _number(number, row[at.limit].strip().lstrip("<>=~ "), "limit")
    if kind.unit == "mag":
        low, high = _MAGNITUDES
        value = value if value is not None and low < value < high else None
        error = error if error is not None and 0 <= error < _LARGEST_ERROR else None
        limit = limit if limit is not None and low < limit < high else None
    band = row[at.band].strip()
    result = _Row(
        mjd,
        _ZTF_FILTERS.get(band, band) if at.band_name == "fid" else band,
        value,
        True if brightness.startswith((">", "<")) else FLAGS[cell_text(row, at.flag)],
        error,
        limit,
        None if zero_point is None else 10 ** (0.4 * (MICROJANSKY - zero_point)),
    )
    empty = result.value is None and result.limit is None
    if not empty and (not result.band or len(result.band) > 40 or not result.band.isprintable()):
        raise UnreadableLightCurveError(f"line {number} has no filter that can be shown")
    return result


def _mjd(line: int, text: str, title: str) -> float:
    """Return the time in a cell as MJD. Raises UnreadableLightCurveError."""
    if title in DATE and (date := parse_date(text)):
        return mjd_of(date.at)
    days = _number(line, text, "time")
    if days is None:
        raise UnreadableLightCurveError(f"line {line} has no time")
    if title in JULIAN_DATE and days < JULIAN:
        raise UnreadableLightCurveError(f"line {line}: {text} is no Julian date; give all of its digits, or an MJD")
    mjd = days - JULIAN_MINUS_MJD if days > JULIAN else days
    if not 0 < mjd < 200_000:
        raise UnreadableLightCurveError(f"line {line}: {text} is no MJD")
    return mjd


def _number(line: int, text: str, what: str) -> float | None:
    """Return the number in a cell, or None if the cell says that there is none."""
    text = text.strip().lower()
    if text in {"", "nan", "none", "null", "-", "--", "…", "inf", "-inf"} or text.startswith((">", "<")):
        return None
    try:
        value = float(text)
    except ValueError:
        raise UnreadableLightCurveError(f"line {line}: “{text[:30]}” is not a number for the {what}") from None
    return value if math.isfinite(value) and abs(value) < 1e30 else None
