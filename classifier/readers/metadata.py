"""Metadata of an observation (object, date, instrument, redshift …) from headers, tables and file names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from classifier.readers.filename import date_in_name, discovery_year, object_in_name
from classifier.readers.receipt import Receipt
from classifier.spectrum import is_plausible_redshift

_T = TypeVar("_T")

_OBJECT = (
    "OBJECT",
    "OBJNAME",
    "OBJ_NAME",
    "OBJ",
    "SNID",
    "IAU_NAME",
    "IAU NAME",
    "TARGET",
    "TARGNAME",
    "OBJ_ID",
    "NAME",
)
_INSTRUMENT = ("INSTRUME", "INSTRUMENT", "INSTR", "INSTRUMENT_NAME")
_TELESCOPE = ("TELESCOP", "TELESCOPE", "TELESCOPE_NAME")
_EXPOSURE = ("EXPTIME", "EXPOSURE", "EXP_TIME", "EXP-TIME", "TEXPTIME", "EXPOSURE_TIME")
_REDSHIFT = ("REDSHIFT", "HOST_REDSHIFT", "Z")
_DATES = (
    "DATE-OBS",
    "DATE_OBS",
    "DATE-AVG",
    "UTDATE",
    "UT_DATE",
    "UTC-DATE",
    "OBSDATE",
    "OBS_DATE",
    "OBS-DATE",
    "DATE-BEG",
    "DATEOBS",
    "OBSERVED_AT",
    "UTMIDDLE",
    "UTSHUT",
)
_TIMES = ("OBSTIME", "UTC", "UT", "TIME-OBS", "TIME_OBS", "UTC-OBS", "UT-OBS", "UTOBS", "UTSTART", "UTSHUT", "UT_TIME")
_MJD = ("MJD-OBS", "MJD_OBS", "MJD-AVG", "MJD", "OBS_MJD")
_JD = ("JD", "JD-OBS", "JD_OBS", "HJD", "BJD")
# Several pipelines write one of these for a missing value.
_MISSING = {"", "-1", "-1.0", "NONE", "NAN", "UNKNOWN", "N/A", "NULL", "UNDEFINED", "-99", "-999", "TBD", "NO OBJECT"}
# The header of the calibration star sometimes ends up in the transient's file.
_STANDARD_STAR = re.compile(r"(HIP|HD|HR|SAO|FEIGE|LTT|BD ?[+-]|GD|HILTNER|EGGR?)[ _-]?\d+", re.I)
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_EARLIEST = datetime(1910, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def collect(header: Mapping[str, str], receipt: Receipt) -> dict[str, Any]:
    """Return the metadata fields of a Spectrum; a field that nothing states is None.

    The header goes first, then the table beside the file. The object and the date may also come from the file's name.
    That is recorded as a guess, and so is every change to what the header says.

    header: values by key, in upper case.
    receipt: gives the table's row and the file's names, and takes the guesses and warnings.
    """
    sources = (header, receipt.beside)
    name_in_file_name = _first(map(object_in_name, receipt.names))
    object_name = _object(_first(_text(source, _OBJECT) for source in sources), name_in_file_name, receipt)
    exposure = _first(_number(source, _EXPOSURE) for source in sources)
    redshift = _first(_number(source, _REDSHIFT) for source in sources)
    stated = _first(_observed_at(source) for source in sources)
    return {
        "object_name": object_name,
        "observed_at": _date(stated, receipt, discovery_year(name_in_file_name) or discovery_year(object_name)),
        "instrument": _first(_text(source, _INSTRUMENT) for source in sources),
        "telescope": _first(_text(source, _TELESCOPE) for source in sources),
        "exposure_s": exposure if exposure and exposure > 0 else None,
        "redshift": redshift if redshift is not None and is_plausible_redshift(redshift) else None,
    }


def _object(stated: str | None, named: str | None, receipt: Receipt) -> str | None:
    """Return the header's name, spelt as its survey spells it, or else the one in the file's name."""
    if stated is None or (named is not None and _STANDARD_STAR.match(stated)):
        if named is not None:
            receipt.guess("object", named, "the file's name", 0.8)
        return named or stated
    # SEDM appends the position in its lenslet array, which does not belong to the name.
    name = re.sub(r" \[[A-Z]\]$", "", stated)
    spelt = object_in_name(name)
    if spelt is not None and spelt.casefold() == name.casefold():
        name = spelt
    if name != stated:
        receipt.guess("object", name, f"the header says {stated}", 0.95)
    return name


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _date(stated: datetime | None, receipt: Receipt, discovered: int | None) -> datetime | None:
    """Return the stated date if it can be true, else the one in the file's name.

    discovered: year in which the object was discovered, or None.
    """
    named = _first(map(date_in_name, receipt.names))
    # One year is allowed, because an object may be found later in the images of an earlier season.
    if stated is not None and discovered is not None and stated.year < discovered - 1:
        receipt.warn(
            "date_impossible",
            f"the header's date {stated:%Y-%m-%d} was not used: the object was discovered in {discovered}",
        )
        stated = None
    if stated is not None or named is None:
        if stated is not None and named is not None and abs(stated - named.at) > timedelta(days=3):
            receipt.warn(
                "date_contradicted",
                f"the header's date {stated:%Y-%m-%d} was used, but the file's name says {named.at:%Y-%m-%d}",
            )
        return stated
    midnight = (named.at.hour, named.at.minute, named.at.second) == (0, 0, 0)
    evidence = "the file's name" + (
        "; it may be the date of the evening, and the date in UTC a day later" if midnight else ""
    )
    receipt.guess("observed_at", named.at.isoformat().replace("+00:00", "Z"), evidence, named.confidence)
    return named.at


def _clean(header: Mapping[str, str], key: str) -> str:
    return " ".join(str(header.get(key, "")).strip().strip("'\"").split())


def _text(header: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = _clean(header, key)
        if value.upper() not in _MISSING and value.isprintable():
            return value[:120]
    return None


def _number(header: Mapping[str, str], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        text = _clean(header, key)
        if text.upper() in _MISSING:
            continue
        try:
            value = float(text.split()[0])
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return None


def _observed_at(header: Mapping[str, str]) -> datetime | None:
    from_days = _from_days(header)
    for key in _DATES:
        date, day_only = _parse_date(_clean(header, key), header)
        if date is not None and _EARLIEST < date < _LATEST:
            if day_only and from_days is not None and abs(from_days - date) < timedelta(days=1.5):
                return from_days
            return date
    return from_days


def _from_days(header: Mapping[str, str]) -> datetime | None:
    days = _number(header, _MJD)
    julian = _number(header, _JD)
    if days is None and julian is not None:
        days = julian - 2_400_000.5
    # Numbers outside 1910 to 2100 are not modified Julian days.
    if days is None or not 19_000 < days < 88_000:
        return None
    return (_MJD_ZERO + timedelta(days=days)).replace(microsecond=0)


def _parse_date(text: str, header: Mapping[str, str]) -> tuple[datetime | None, bool]:
    """Return the date in a header's value, and whether it is only known to the day."""
    # Before 2000 the FITS standard wrote dates as 31/12/99.
    old = re.fullmatch(r"(\d\d)/(\d\d)/(\d\d)", text)
    text = f"19{old[3]}-{old[2]}-{old[1]}" if old else text.replace("/", "-")
    loose = re.fullmatch(r"((?:19|20)\d\d)-(\d\d?)-(\d\d?)", text)
    text = f"{loose[1]}-{int(loose[2]):02}-{int(loose[3]):02}" if loose else text
    try:
        date = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "T", 1))
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None, False
    if ":" in text:
        return date, False
    for key in _TIMES:
        clock = re.match(r"(?:[-\d]+T)?(\d{1,2}):(\d\d)(?::(\d\d))?", _clean(header, key))
        if clock and int(clock[1]) < 24 and int(clock[2]) < 60 and int(clock[3] or 0) < 60:
            return date.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0)), False
    return date, True
