"""Reader of light curves: tables with a header, as CSV or with other separators."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterable
from typing import Literal

from triage.errors import UnreadableLightCurveError

# mag: magnitudes as the file has them (AB if from SkyPortal). uJy: microjansky. flux: the file does not tell the unit.
Unit = Literal["mag", "uJy", "flux"]
# Time (MJD), filter, brightness, and its 1σ error or None if it is unknown.
Point = tuple[float, str, float, float | None]
# Time (MJD), filter, and the limit: nothing brighter was seen.
Limit = tuple[float, str, float]
MAX_BYTES = 2 << 20
MAX_POINTS = 20_000
# A Julian date is larger than any MJD of the next millennium.
JULIAN = 2_000_000.0
JULIAN_MINUS_MJD = 2_400_000.5
_TIME = ("mjd", "time", "time_mjd", "date_mjd", "jd", "hjd", "bjd")
# ATLAS calls the filter F.
_FILTER = ("filter", "band", "flt", "passband", "filt", "filter_name", "f")
_ZERO_POINT = ("zp", "zeropoint", "zero_point", "zpt", "magzp", "zpdiff")
_SYSTEM = ("magsys", "zpsys", "mag_system")
# Magnitude (AB) of one microjansky.
_MICROJANSKY = 23.9
_ERROR = ("error", "err", "e", "sigma", "uncertainty", "unc")
_FLUX_ERROR = ("fluxerr", "flux_err", "fluxerror", "flux_error", "e_flux", "dflux")
_UPPER_LIMIT = ("upper_limit", "upperlimit")
_FLUX_LIMIT = ("limiting_flux", "flux_limit", "fluxlim", *_UPPER_LIMIT)
# A column named _UPPER_LIMIT that holds only these texts says whether the brightness is a limit.
_NOT_TEXT = "this file is not text; send the light curve as a CSV table"
_FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False, "": None}


@dataclasses.dataclass(frozen=True)
class _Brightness:
    """One kind of brightness and the columns that it may have.

    unit: unit of the stored values.
    value, error, limit: names of the columns, the preferred ones first.
    factor: factor from the table's unit to ``unit``.
    """

    unit: Unit
    value: tuple[str, ...]
    error: tuple[str, ...]
    limit: tuple[str, ...]
    factor: float = 1.0


_BRIGHTNESS = (
    _Brightness(
        "mag",
        ("mag", "magnitude", "mag_ab", "ab_mag", "magpsf"),
        ("magerr", "mag_err", "magerror", "mag_error", "e_mag", "dmag", "emag", "sigmapsf", *_ERROR),
        ("limiting_mag", "limiting_magnitude", "limmag", "lim_mag", "maglim", "mag_lim", "diffmaglim", *_UPPER_LIMIT),
    ),
    _Brightness(
        "uJy",
        ("flux_ujy", "ujy", "flux_microjy"),
        ("dujy", "flux_ujy_err", "fluxerr_ujy", "flux_err_ujy", "e_flux_ujy", *_FLUX_ERROR, *_ERROR),
        ("limiting_flux_ujy", *_FLUX_LIMIT),
    ),
    _Brightness(
        "uJy",
        ("flux_jy",),
        ("flux_jy_err", "fluxerr_jy", "flux_err_jy", "e_flux_jy", *_FLUX_ERROR, *_ERROR),
        ("limiting_flux_jy", *_FLUX_LIMIT),
        1e6,
    ),
    _Brightness("flux", ("flux", "forcediffimflux"), (*_FLUX_ERROR, "forcediffimfluxunc", *_ERROR), _FLUX_LIMIT),
)


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
class _Columns:
    """Numbers of the table's columns, from 0; None if there is no such column.

    flag: column that says whether the brightness is a limit.
    zero_point: column of the magnitude (AB) that a flux of 1 has.
    """

    time: int
    band: int
    value: int
    error: int | None
    limit: int | None
    flag: int | None
    zero_point: int | None


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

    The table needs columns for time (mjd or jd), filter, and mag or flux. Columns for error and limit are read too, and
    a flux with a zero point (AB) in each line becomes microjansky. Commas, semicolons, tabs or blanks separate the
    columns, and lines that begin with # are left out. ATLAS's and ZTF's forced photometry is read as it comes.

    A line is a limit if its brightness says so (“>20.5”), if a flag says so, or if it has a limit but no brightness.
    In a table with errors, a line with neither an error nor another limit is a limit too.

    content: the file's bytes.

    Raises UnreadableLightCurveError, which says what is missing or which line is wrong.
    """
    rows = _rows(content)
    head = [name.strip().lower().replace(" ", "_") for name in rows[0][1]]
    kind, columns = _columns(head, [row for _, row in rows[1:]])
    read = [_row(number, row, len(head), columns) for number, row in rows[1:]]
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
    skipped = len(rows) - 1 - len(points) - len(limits)
    return LightCurve(kind.unit, sorted(points, key=_time), sorted(limits, key=_time), skipped)


def _is_point(row: _Row, with_errors: bool, kind: _Brightness) -> bool:
    """Return whether the brightness of a line is a measurement and not a limit."""
    if row.bound is not None:
        return not row.bound
    # A flux below zero cannot be a limit.
    below_zero = kind.unit != "mag" and row.value is not None and row.value <= 0
    other_limit = row.limit is not None and row.limit != row.value
    return row.error is not None or not with_errors or other_limit or below_zero


def _limit(row: _Row, kind: _Brightness) -> float | None:
    """Return the limit of a line, or None if it has none or its flux is not above zero."""
    limit = row.value if row.limit is None or (row.bound and row.value is not None) else row.limit
    return None if limit is None or (kind.unit != "mag" and limit <= 0) else limit


def _time(row: Point | Limit) -> float:
    return row[0]


def _columns(head: list[str], cells: list[list[str]]) -> tuple[_Brightness, _Columns]:
    """Return the kind of brightness that a table has, and where its columns are.

    head: titles of the columns. cells: cells of the lines below.
    """
    time, band = _column(head, _TIME), _column(head, _FILTER)
    kind = next((kind for kind in _BRIGHTNESS if _column(head, kind.value) is not None), None)
    value = None if kind is None else _column(head, kind.value)
    if time is None or band is None or kind is None or value is None:
        found = {"time": time, "filter": band, "mag or flux": value}
        missing = [what for what, column in found.items() if column is None]
        raise UnreadableLightCurveError(
            f"the header has no column for {' and '.join(missing)}; it needs mjd, filter, mag (or flux) and error"
        )
    flag = _column(head, _UPPER_LIMIT)
    if any(_cell(row, flag) not in _FLAGS for row in cells):
        flag = None
    limits = [name for name in kind.limit if flag is None or name != head[flag]]
    zero_point, system = _column(head, _ZERO_POINT), _column(head, _SYSTEM)
    if zero_point is not None and any(_cell(row, system) not in ("", "ab") for row in cells):
        raise UnreadableLightCurveError("the zero points are not in AB magnitudes; give fluxes with AB zero points")
    if kind.unit != "flux":
        zero_point = None
    return kind, _Columns(time, band, value, _column(head, kind.error), _column(head, limits), flag, zero_point)


def _cell(row: list[str], column: int | None) -> str:
    """Return a cell's text, or "" if there is no such column. A line that is too short is refused later."""
    return row[column].strip().lower() if column is not None and column < len(row) else ""


def _rows(content: bytes) -> list[tuple[int, list[str]]]:
    """Return the line numbers and cells of the header and of the lines below, without comments and empty lines."""
    if len(content) > MAX_BYTES:
        raise UnreadableLightCurveError(f"a light curve may have {MAX_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableLightCurveError(_NOT_TEXT) from None
    if "\0" in text:
        raise UnreadableLightCurveError(_NOT_TEXT)
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    # Astronomers often write the header as a comment, and other comments before it.
    start = next((i for i, (_, line) in enumerate(lines) if _is_header(line)), 0)
    if lines:
        lines[start] = (lines[start][0], lines[start][1].lstrip("# "))
    lines = [(number, line) for number, line in lines[start:] if not line.lstrip().startswith("#")]
    if len(lines) < 2:
        raise UnreadableLightCurveError("the file has no header with lines below it")
    if len(lines) > MAX_POINTS + 1:
        raise UnreadableLightCurveError(f"a light curve may have {MAX_POINTS} points")
    return [(number, _cells(line, lines[0][1])) for number, line in lines]


def _is_header(line: str) -> bool:
    """Tell whether a line names a column of times and one of brightnesses."""
    line = line.lstrip("# ")
    names = [name.strip().lower() for name in _cells(line, line)]
    return _column(names, _TIME) is not None and any(_column(names, kind.value) is not None for kind in _BRIGHTNESS)


def _cells(line: str, head: str) -> list[str]:
    separator = next((mark for mark in (",", ";", "\t") if mark in head), None)
    # ZTF separates the names of its columns with commas, and the numbers below with blanks.
    if separator is None or separator not in line:
        return line.split()
    try:
        return next(csv.reader(io.StringIO(line), delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return []


def _column(head: list[str], names: Iterable[str]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _row(number: int, row: list[str], width: int, at: _Columns) -> _Row:
    if len(row) != width:
        raise UnreadableLightCurveError(f"line {number} has {len(row)} columns, the header has {width}")
    mjd = _number(number, row[at.time], "time")
    if mjd is None:
        raise UnreadableLightCurveError(f"line {number} has no time")
    mjd = mjd - JULIAN_MINUS_MJD if mjd > JULIAN else mjd
    if not 0 < mjd < 200_000:
        raise UnreadableLightCurveError(f"line {number}: {row[at.time].strip()} is no MJD")
    zero_point = None if at.zero_point is None else _number(number, row[at.zero_point], "zero point")
    brightness = row[at.value].strip()
    bound = True if brightness.startswith((">", "<")) else _FLAGS[_cell(row, at.flag)]
    result = _Row(
        mjd,
        row[at.band].strip(),
        _number(number, brightness.lstrip("<>=~ "), "brightness"),
        bound,
        None if at.error is None else _number(number, row[at.error], "error"),
        None if at.limit is None else _number(number, row[at.limit].strip().lstrip("<>=~ "), "limit"),
        None if zero_point is None else 10 ** (0.4 * (_MICROJANSKY - zero_point)),
    )
    empty = result.value is None and result.limit is None
    if not empty and (not result.band or len(result.band) > 40 or not result.band.isprintable()):
        raise UnreadableLightCurveError(f"line {number} has no filter that can be shown")
    return result


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
