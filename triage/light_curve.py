"""Light curves: read from CSV, stored with their transient, found for those who may see them."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import math
from collections.abc import Iterable
from typing import Literal

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from triage.errors import NotFoundError, UnreadableLightCurveError
from triage.models import Photometry, Transient

# mag: as the file has it, AB from SkyPortal. uJy: microjansky. flux: of a unit that the file does not tell.
Unit = Literal["mag", "uJy", "flux"]
# Time (MJD), filter, brightness, 1σ or None where it is not given.
Point = tuple[float, str, float, float | None]
# Time (MJD), filter, what the brightness stays below: of magnitudes a smaller, of fluxes a larger one was not seen.
Limit = tuple[float, str, float]

MAX_BYTES = 2 << 20
MAX_POINTS = 20_000
# A Julian date is larger than any MJD of the next millennium.
JULIAN = 2_000_000.0
JULIAN_MINUS_MJD = 2_400_000.5

_AXES: dict[Unit, str] = {"mag": "Magnitude", "uJy": "Flux (µJy)"}
_TIME = ("mjd", "time", "time_mjd", "date_mjd", "jd", "hjd", "bjd")
_FILTER = ("filter", "band", "flt", "passband", "filt", "filter_name")
_ERROR = ("error", "err", "e", "sigma", "uncertainty", "unc")
_FLUX_ERROR = ("fluxerr", "flux_err", "fluxerror", "flux_error", "e_flux", "dflux")
_UPPER_LIMIT = ("upper_limit", "upperlimit")
_FLUX_LIMIT = ("limiting_flux", "flux_limit", "fluxlim", *_UPPER_LIMIT)
# A column named _UPPER_LIMIT with nothing else in it says whether the brightness is a limit.
_FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False, "": None}


@dataclasses.dataclass(frozen=True)
class _Brightness:
    """What a table may give: the names of the columns of value, error and limit, and what takes them to the unit."""

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
    """points, limits: in order of time. skipped: lines with neither brightness nor limit."""

    unit: Unit
    points: list[Point]
    limits: list[Limit]
    skipped: int


@dataclasses.dataclass(frozen=True)
class Panel:
    """What shares one axis, called label."""

    unit: Unit
    label: str
    points: list[Point]
    limits: list[Limit]

    @property
    def times(self) -> list[float]:
        return [point[0] for point in self.points] + [limit[0] for limit in self.limits]

    @property
    def filters(self) -> list[str]:
        return [point[1] for point in self.points] + [limit[1] for limit in self.limits]

    @property
    def values(self) -> list[float]:
        return [point[2] for point in self.points] + [limit[2] for limit in self.limits]


@dataclasses.dataclass(frozen=True)
class _Columns:
    """Where they stand in the table; flag: of a column that says whether the brightness is a limit."""

    time: int
    band: int
    value: int
    error: int | None
    limit: int | None
    flag: int | None


@dataclasses.dataclass(frozen=True)
class _Row:
    """A line of the table; bound: whether its brightness was given as a limit, such as “>20.5”, None where that is not
    said."""

    mjd: float
    band: str
    value: float | None
    bound: bool | None
    error: float | None
    limit: float | None


def read_light_curve(content: bytes) -> LightCurve:
    """A table with a header: a time (mjd or jd), filter, and mag or flux, with an error and a limit where there is one;
    commas, semicolons, tabs or blanks between them, lines that begin with # left out.

    A limit is a line of which the brightness says so (“>20.5”) or a flag does, one with a limit but no brightness, and,
    in a table that has errors, one without an error and without another limit. Raises UnreadableLightCurveError, which
    says what is missing or on which line."""
    rows = _rows(content)
    head = [name.strip().lower().replace(" ", "_") for name in rows[0][1]]
    kind, columns = _columns(head, [row for _, row in rows[1:]])
    read = [_row(number, row, len(head), columns) for number, row in rows[1:]]
    with_errors = any(row.error is not None for row in read)
    points: list[Point] = []
    limits: list[Limit] = []
    for row in read:
        if row.value is not None and _is_point(row, with_errors, kind):
            error = None if row.error is None else row.error * kind.factor
            points.append((row.mjd, row.band, row.value * kind.factor, error))
        elif (limit := _limit(row, kind)) is not None:
            limits.append((row.mjd, row.band, limit * kind.factor))
    if not points and not limits:
        raise UnreadableLightCurveError("no line of the table has a brightness")
    skipped = len(read) - len(points) - len(limits)
    return LightCurve(kind.unit, sorted(points, key=_time), sorted(limits, key=_time), skipped)


def _is_point(row: _Row, with_errors: bool, kind: _Brightness) -> bool:
    """Of one with a brightness, whether it was measured."""
    if row.bound is not None:
        return not row.bound
    # A flux below zero is no limit to anything.
    below_zero = kind.unit != "mag" and row.value is not None and row.value <= 0
    other_limit = row.limit is not None and row.limit != row.value
    return row.error is not None or not with_errors or other_limit or below_zero


def _limit(row: _Row, kind: _Brightness) -> float | None:
    """None where there is none, or a flux that is not above zero."""
    limit = row.value if row.limit is None or (row.bound and row.value is not None) else row.limit
    return None if limit is None or (kind.unit != "mag" and limit <= 0) else limit


def _time(row: Point | Limit) -> float:
    return row[0]


def _columns(head: list[str], cells: list[list[str]]) -> tuple[_Brightness, _Columns]:
    """What the table gives, and where."""
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
    if any(_said(row, flag) not in _FLAGS for row in cells):
        flag = None
    limits = [name for name in kind.limit if flag is None or name != head[flag]]
    return kind, _Columns(time, band, value, _column(head, kind.error), _column(head, limits), flag)


def _said(row: list[str], column: int | None) -> str:
    """What a cell holds; "" without the column, and in a line that is too short, which is refused later."""
    return row[column].strip().lower() if column is not None and column < len(row) else ""


def add(user: User, transient: Transient, content: bytes, filename: str, group: Group | None) -> tuple[Photometry, int]:
    """Store a file's light curve; returns it and how many of its lines had neither brightness nor limit. The same file
    again gives the first one's record. Raises UnreadableLightCurveError."""
    curve = read_light_curve(content)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        with transaction.atomic():
            row = Photometry.objects.create(
                transient=transient,
                group=group,
                uploaded_by=user,
                filename=filename[:255],
                sha256=sha256,
                unit=curve.unit,
                points=curve.points,
                limits=curve.limits,
            )
    except IntegrityError:
        row = Photometry.objects.get(transient=transient, group=group, sha256=sha256)
    return row, curve.skipped


def remove(user: User, photometry_id: int) -> Photometry:
    """Take back a light curve that one uploaded oneself; returns it. Raises NotFoundError."""
    row = Photometry.objects.visible_to(user).filter(pk=photometry_id, uploaded_by=user).first()
    if row is None:
        raise NotFoundError("there is no such light curve of yours")
    found: Photometry = row
    Photometry.objects.filter(pk=found.pk).delete()
    return found


def panels(rows: Iterable[Photometry]) -> list[Panel]:
    """What is drawn on one axis each: magnitudes, microjanskys, and alone each file whose unit of flux is not known."""
    together = {unit: Panel(unit, label, [], []) for unit, label in _AXES.items()}
    alone = []
    for row in rows:
        if row.unit == "flux":
            alone.append(Panel("flux", f"Flux of {row.filename}, unit not given", row.points, row.limits))
            continue
        panel = together["uJy" if row.unit == "uJy" else "mag"]
        panel.points.extend(row.points)
        panel.limits.extend(row.limits)
    return [panel for panel in (*together.values(), *alone) if panel.points or panel.limits]


def _rows(content: bytes) -> list[tuple[int, list[str]]]:
    """(line number, cells) of the lines that hold something."""
    if len(content) > MAX_BYTES:
        raise UnreadableLightCurveError(f"a light curve may have {MAX_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableLightCurveError("this is no text; a light curve is a CSV table") from None
    if "\0" in text:
        raise UnreadableLightCurveError("this is no text; a light curve is a CSV table")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    # A header may be commented out, as astronomers like it.
    if lines and lines[0][1].lstrip().startswith("#"):
        lines[0] = (lines[0][0], lines[0][1].lstrip("# "))
    lines = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    if len(lines) < 2:
        raise UnreadableLightCurveError("the file has no header with lines below it")
    if len(lines) > MAX_POINTS + 1:
        raise UnreadableLightCurveError(f"a light curve may have {MAX_POINTS} points")
    return [(number, _cells(line, lines[0][1])) for number, line in lines]


def _cells(line: str, head: str) -> list[str]:
    separator = next((mark for mark in (",", ";", "\t") if mark in head), None)
    if separator is None:
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
    said = row[at.value].strip()
    bound = True if said.startswith((">", "<")) else _FLAGS[_said(row, at.flag)]
    found = _Row(
        mjd,
        row[at.band].strip(),
        _number(number, said.lstrip("<>=~ "), "brightness"),
        bound,
        None if at.error is None else _number(number, row[at.error], "error"),
        None if at.limit is None else _number(number, row[at.limit].strip().lstrip("<>=~ "), "limit"),
    )
    empty = found.value is None and found.limit is None
    if not empty and (not found.band or len(found.band) > 40 or not found.band.isprintable()):
        raise UnreadableLightCurveError(f"line {number} has no filter that can be shown")
    return found


def _number(line: int, text: str, what: str) -> float | None:
    """None where the cell says that there is nothing."""
    text = text.strip().lower()
    if text in {"", "nan", "none", "null", "-", "--", "…", "inf", "-inf"} or text.startswith((">", "<")):
        return None
    try:
        value = float(text)
    except ValueError:
        raise UnreadableLightCurveError(f"line {line}: “{text[:30]}” is no {what}") from None
    return value if math.isfinite(value) and abs(value) < 1e30 else None
