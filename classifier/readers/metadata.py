"""What headers and file names say of an observation; nothing is made up."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from classifier.readers.receipt import Receipt

_OBJECT = ("OBJECT", "OBJNAME", "OBJ_NAME", "SNID", "IAU_NAME", "TARGET", "TARGNAME", "NAME")
_INSTRUMENT = ("INSTRUME", "INSTRUMENT", "INSTR")
_TELESCOPE = ("TELESCOP", "TELESCOPE")
_EXPOSURE = ("EXPTIME", "EXPOSURE", "EXP_TIME")
_REDSHIFT = ("REDSHIFT", "HOST_REDSHIFT", "Z")
_DATES = ("DATE-OBS", "DATE_OBS", "UTDATE", "OBSDATE", "OBS_DATE", "DATE-BEG", "DATEOBS", "OBS-DATE")
_TIMES = ("OBSTIME", "UTC", "UT", "TIME-OBS", "UTSTART", "UTSHUT")
_MJD = ("MJD-OBS", "MJD_OBS", "MJD", "OBS_MJD")
_MISSING = {"", "-1", "-1.0", "NONE", "NAN", "UNKNOWN", "N/A", "NULL"}
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)

_IN_NAME = (
    re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.](\d\d)[-_.](\d\d)(?:[-_T ](\d\d)[-_:](\d\d)[-_:](\d\d))?(?!\d)"),
    re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d))?(?!\d)"),
)


def collect(header: Mapping[str, str], receipt: Receipt) -> dict[str, Any]:
    """Fields of a Spectrum from an upper-case header; unknown ones are None. A date found only in the file's name
    is recorded as a guess."""
    observed_at = _observed_at(header)
    if observed_at is None:
        observed_at = _date_in_name(receipt)
    exposure = _number(header, _EXPOSURE)
    redshift = _number(header, _REDSHIFT)
    return {
        "object_name": _text(header, _OBJECT),
        "observed_at": observed_at,
        "instrument": _text(header, _INSTRUMENT),
        "telescope": _text(header, _TELESCOPE),
        "exposure_s": exposure if exposure and exposure > 0 else None,
        "redshift": redshift if redshift is not None and -0.1 < redshift < 10 else None,
    }


def _text(header: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = " ".join(str(header.get(key, "")).strip().strip("'\"").split())
        if value.upper() not in _MISSING and value.isprintable():
            return value[:120]
    return None


def _number(header: Mapping[str, str], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        text = str(header.get(key, "")).strip().strip("'\"")
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
    for key in _DATES:
        text = str(header.get(key, "")).strip().strip("'\"").replace("/", "-")
        if not text:
            continue
        found = _parse_date(text, header)
        if found:
            return found
    days = _number(header, _MJD)
    # Later than 1910 and before 2100: anything else is not a modified Julian day.
    if days is not None and 19_000 < days < 88_000:
        return (_MJD_ZERO + timedelta(days=days)).replace(microsecond=0)
    return None


def _parse_date(text: str, header: Mapping[str, str]) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "T", 1))
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if "T" in text or ":" in text:
        return found
    for key in _TIMES:
        clock = re.match(r"(\d{1,2}):(\d\d)(?::(\d\d))?", str(header.get(key, "")).strip().strip("'\""))
        if clock and int(clock[1]) < 24:
            return found.replace(hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0))
    return found


def _date_in_name(receipt: Receipt) -> datetime | None:
    for pattern in _IN_NAME:
        for match in pattern.finditer(receipt.name):
            try:
                found = datetime(*(int(part) for part in match.groups() if part), tzinfo=UTC)  # type: ignore[arg-type,misc]
            except ValueError:
                continue
            receipt.guess("observed_at", found.isoformat().replace("+00:00", "Z"), "the file's name", 0.7)
            return found
    return None
