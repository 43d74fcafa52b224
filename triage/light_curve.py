"""Light curves: read from CSV, stored with their transient, found for those who may see them."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import math
from typing import Literal

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from triage.errors import NotFoundError, UnreadableLightCurveError
from triage.models import Photometry, Transient

Unit = Literal["mag", "flux"]
# Time (MJD), filter, brightness or None for an upper limit without one, 1σ or None where it is not given.
Point = tuple[float, str, float, float | None]

MAX_BYTES = 2 << 20
MAX_POINTS = 20_000
# A Julian date is larger than any MJD of the next millennium.
JULIAN = 2_000_000.0
JULIAN_MINUS_MJD = 2_400_000.5

_COLUMNS = {
    "time": ("mjd", "time", "time_mjd", "date_mjd", "jd", "hjd", "bjd"),
    "filter": ("filter", "band", "flt", "passband", "filt", "filter_name"),
    "mag": ("mag", "magnitude", "mag_ab", "ab_mag", "magpsf"),
    "mag error": ("magerr", "mag_err", "magerror", "mag_error", "e_mag", "dmag", "emag", "sigmapsf"),
    "flux": ("flux", "flux_ujy", "ujy", "flux_jy", "forcediffimflux"),
    "flux error": ("fluxerr", "flux_err", "fluxerror", "flux_error", "e_flux", "dflux", "dujy", "forcediffimfluxunc"),
    "error": ("error", "err", "e", "sigma", "uncertainty", "unc"),
}


@dataclasses.dataclass(frozen=True)
class LightCurve:
    """points in order of time; skipped: lines without a brightness, such as upper limits."""

    unit: Unit
    points: list[Point]
    skipped: int


def read_light_curve(content: bytes) -> LightCurve:
    """A table with a header: a time (mjd or jd), filter, and mag or flux, with an error where there is one; commas,
    semicolons, tabs or blanks between them, lines that begin with # left out.

    Raises UnreadableLightCurveError, which says what is missing or on which line."""
    rows = _rows(content)
    head = [name.strip().lower().replace(" ", "_") for name in rows[0][1]]
    found = {what: _column(head, names) for what, names in _COLUMNS.items()}
    unit: Unit = "mag" if found["mag"] is not None else "flux"
    value = found[unit]
    time, band = found["time"], found["filter"]
    if time is None or band is None or value is None:
        missing = [what for what in ("time", "filter") if found[what] is None] + (
            ["mag or flux"] if value is None else []
        )
        raise UnreadableLightCurveError(
            f"the header has no column for {' and '.join(missing)}; it needs mjd, filter, mag (or flux) and error"
        )
    own = found[f"{unit} error"]
    error = own if own is not None else found["error"]
    points, skipped = [], 0
    for number, row in rows[1:]:
        point = _point(number, row, len(head), (time, band, value, error))
        if point is None:
            skipped += 1
        else:
            points.append(point)
    if not points:
        raise UnreadableLightCurveError("no line of the table has a brightness")
    return LightCurve(unit, sorted(points, key=lambda point: point[0]), skipped)


def add(user: User, transient: Transient, content: bytes, filename: str, group: Group | None) -> tuple[Photometry, int]:
    """Store a file's light curve; returns it and how many of its lines had no brightness. The same file again gives
    the first one's record. Raises UnreadableLightCurveError."""
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


def _column(head: list[str], names: tuple[str, ...]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _point(number: int, row: list[str], width: int, at: tuple[int, int, int, int | None]) -> Point | None:
    """None for a line without a brightness."""
    time, band, value, error = at
    if len(row) != width:
        raise UnreadableLightCurveError(f"line {number} has {len(row)} columns, the header has {width}")
    mjd = _number(number, row[time], "time")
    if mjd is None:
        raise UnreadableLightCurveError(f"line {number} has no time")
    mjd = mjd - JULIAN_MINUS_MJD if mjd > JULIAN else mjd
    if not 0 < mjd < 200_000:
        raise UnreadableLightCurveError(f"line {number}: {row[time].strip()} is no MJD")
    brightness = _number(number, row[value], "brightness")
    name = row[band].strip()
    if brightness is None:
        return None
    if not name or len(name) > 40 or not name.isprintable():
        raise UnreadableLightCurveError(f"line {number} has no filter that can be shown")
    return mjd, name, brightness, None if error is None else _number(number, row[error], "error")


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
