"""Columns of a light curve's table: which one holds the time, the filter, the brightness, its error and its limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

from triage.errors import UnreadableLightCurveError

# mag: magnitudes as the file has them (AB if from SkyPortal). uJy: microjansky. flux: the file does not tell the unit.
Unit = Literal["mag", "uJy", "flux"]
JULIAN_DATE = ("jd", "hjd", "bjd")
DATE = ("date", "obsdate", "obs_date", "date_obs")
_TIME = ("mjd", "time", "time_mjd", "date_mjd", *JULIAN_DATE, *DATE)
# ATLAS calls the filter F, and ZTF's brokers number it.
_FILTER = ("filter", "band", "flt", "passband", "filt", "filter_name", "filters", "f", "fid")
_ZERO_POINT = ("zp", "zeropoint", "zero_point", "zpt", "magzp", "zpdiff")
_SYSTEM = ("magsys", "zpsys", "mag_system")
# Magnitude (AB) of one microjansky, and of one unit of SNANA's FLUXCAL.
MICROJANSKY, _FLUXCAL = 23.9, 27.5
_FLUX_ERROR = ("fluxerr", "flux_err", "fluxerror", "flux_error", "e_flux", "dflux")
_ERROR = ("error", "err", "e", "sigma", "uncertainty", "unc")
# Such a column gives limits, or says whether the brightness is one.
_UPPER_LIMIT = ("upper_limit", "upperlimit", "limit")
_MAG_LIMIT = ("limiting_mag", "limiting_magnitude", "limmag", "lim_mag", "maglim", "mag_lim", "diffmaglim")
_FLUX_LIMIT = ("limiting_flux", "flux_limit", "fluxlim")
# A column named _UPPER_LIMIT that holds only these texts says whether the brightness is a limit.
FLAGS = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), True),
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n"), False),
    "": None,
}


@dataclasses.dataclass(frozen=True)
class Brightness:
    """One kind of brightness and the columns that it may have.

    unit: unit of the stored values.
    value, error, limit: names of the columns, the preferred ones first; a column of errors may also be named after
        that of the values, such as "flux_err".
    factor: factor from the table's unit to ``unit``.
    """

    unit: Unit
    value: tuple[str, ...]
    error: tuple[str, ...]
    limit: tuple[str, ...]
    factor: float = 1.0


def _flux(unit: str, factor: float, *value: str) -> Brightness:
    """Return the kind of a flux in a unit, given by the end of the column's name."""
    errors = (f"flux_err_{unit}", f"fluxerr_{unit}", *_FLUX_ERROR, *_ERROR)
    limits = (f"limiting_flux_{unit}", *_FLUX_LIMIT, *_UPPER_LIMIT)
    return Brightness("uJy", (f"flux_{unit}", *value), errors, limits, factor)


_KINDS = (
    Brightness(
        "mag",
        ("mag", "magnitude", "mag_ab", "ab_mag", "magpsf_corr", "magpsf", "unforced_mag"),
        ("magerr", "mag_err", "magerror", "mag_error", "sigmapsf_corr", "sigmapsf", *_ERROR),
        (*_MAG_LIMIT, *_UPPER_LIMIT),
    ),
    _flux("ujy", 1.0, "ujy", "flux_microjy"),
    _flux("mjy", 1e3),
    _flux("njy", 1e-3, "psfflux"),
    _flux("jy", 1e6),
    _flux("fluxcal", 10 ** (0.4 * (MICROJANSKY - _FLUXCAL)), "fluxcal"),
    dataclasses.replace(_flux("", 1.0, "flux", "forcediffimflux"), unit="flux"),
    # ATLAS gives magnitudes of negative fluxes, so its microjanskys go first.
    Brightness("mag", ("m",), (), (*_MAG_LIMIT, *_UPPER_LIMIT)),
)


@dataclasses.dataclass(frozen=True)
class Columns:
    """Numbers of the table's columns, from 0; None if there is no such column.

    flag: column that says whether the brightness is a limit.
    zero_point: column of the magnitude (AB) that a flux of 1 has.
    time_name, band_name: titles of the columns of times and filters.
    """

    time: int
    band: int
    value: int
    error: int | None
    limit: int | None
    flag: int | None
    zero_point: int | None
    time_name: str
    band_name: str


def find_columns(head: list[str], cells: list[list[str]]) -> tuple[Brightness, Columns]:
    """Return the kind of brightness that a table has, and where its columns are.

    head: titles of the columns. cells: cells of the lines below.
    """
    time, band = _column(head, _TIME), _column(head, _FILTER)
    kind = next((kind for kind in _KINDS if _column(head, kind.value) is not None), None)
    value = None if kind is None else _column(head, kind.value)
    if time is None or band is None or kind is None or value is None:
        found = {"time": time, "filter": band, "mag or flux": value}
        missing = [what for what, column in found.items() if column is None]
        raise UnreadableLightCurveError(
            f"the header has no column for {' and '.join(missing)}; it needs mjd, filter, mag (or flux) and error"
        )
    flag = _column(head, _UPPER_LIMIT)
    if any(cell_text(row, flag) not in FLAGS for row in cells):
        flag = None
    limits = [name for name in kind.limit if flag is None or name != head[flag]]
    error = _column(head, _names_of_error(head[value], kind))
    zero_point, system = _column(head, _ZERO_POINT), _column(head, _SYSTEM)
    if zero_point is not None and any(cell_text(row, system) not in ("", "ab") for row in cells):
        raise UnreadableLightCurveError("the zero points are not in AB magnitudes; give fluxes with AB zero points")
    if kind.unit != "flux":
        zero_point = None
    limit = _column(head, limits)
    return kind, Columns(time, band, value, error, limit, flag, zero_point, head[time], head[band])


def _names_of_error(value: str, kind: Brightness) -> tuple[str, ...]:
    """Return the names that a column of errors may have, those made of the name of the values first."""
    after = (f"{value}{end}" for end in ("err", "_err", "error", "_error", "unc", "_unc"))
    before = (f"{start}{value}" for start in ("e_", "d", "e"))
    return (*after, *before, *kind.error)


def is_header(titles: Sequence[str]) -> bool:
    """Tell whether titles name columns of times, filters and brightnesses."""
    brightness = any(_column(titles, kind.value) is not None for kind in _KINDS)
    return brightness and _column(titles, _TIME) is not None and _column(titles, _FILTER) is not None


def cell_text(row: list[str], column: int | None) -> str:
    """Return a cell's text, or "" if there is no such column. A line that is too short is refused later."""
    return row[column].strip().lower() if column is not None and column < len(row) else ""


def _column(head: Sequence[str], names: Iterable[str]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)
