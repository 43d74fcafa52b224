"""Metadata of an observation (object, date, instrument, redshift …) from headers, tables and file names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from classifier.names import name_key
from classifier.readers.coordinates import read_degrees, read_pair, to_icrs
from classifier.readers.dates import CLOCK_ERROR, MONTH_NAMES, StatedDate, parse_clock, parse_date, time_of_mjd
from classifier.readers.filename import date_in_name, discovery_year, object_in_name
from classifier.readers.receipt import Receipt
from classifier.spectrum import is_plausible_redshift

_T = TypeVar("_T")

# Keys are compared without blanks, hyphens and underscores: DATE-OBS, DATE_OBS and "date obs" are one key.
_OBJECT = (
    "OBJECT",
    "OBJNAME",
    "OBJ",
    "SNID",
    "IAUNAME",
    "TARGET",
    "TARGNAME",
    "TARGETNAME",
    "ESOOBSTARGNAME",
    "OBJID",
    "OBJECTNAME",
    "TNSNAME",
    "SUPERNOVA",
    "TRANSIENT",
    "NAME",
)
_INSTRUMENT = ("INSTRUME", "INSTRUMENT", "INSTR", "INSTRUMENTNAME")
_TELESCOPE = ("TELESCOP", "TELESCOPE", "TELESCOPENAME")
_OBSERVER = ("OBSERVER", "OBSERVERS", "OBSERVERNAME", "OBSERVER(S)", "OBSERVEDBY")
_REDUCER = ("REDUCER", "REDUCERS", "REDUCER(S)", "REDUCEDBY")
_RA = ("RA", "RADEG", "RAJ2000", "OBJRA", "CATRA", "RATARG", "TARGRA", "RAOBJ", "OBJCTRA")
_DEC = ("DEC", "DECDEG", "DECJ2000", "OBJDEC", "CATDEC", "DECTARG", "TARGDEC", "DECOBJ", "OBJCTDEC", "DEJ2000", "DE")
_BOTH = ("RADEC", "RA/DEC", "COORDINATES", "COORDS", "POSITION")
_EXPOSURE = ("EXPTIME", "EXPOSURE", "TEXPTIME", "EXPOSURETIME", "ELAPTIME")
_REDSHIFT = (
    "REDSHIFT",
    "HOSTREDSHIFT",
    "REDSHIFTHOST",
    "REDSHIFTHELIO",
    "REDSHIFTFINAL",
    "Z",
    "ZHELIO",
    "ZHEL",
    "ZHOST",
    "HOSTZ",
    "REDSHFT",
)
_DATES = (
    "DATEOBS",
    "DATEAVG",
    "UTDATE",
    "UTCDATE",
    "DATEUT",
    "DATEUTC",
    "OBSDATE",
    "DATEBEG",
    "OBSERVEDAT",
    "OBSUTC",
    "OBSUT",
    "UTCOBS",
    "UTOBS",
    "DATEOFOBSERVATION",
    "OBSERVATIONDATE",
    "OBSERVED",
    "OBSERVEDON",
    "DATEOFOBS",
    "DATESTART",
    "DATEMID",
    "UTMIDDLE",
    "UTSTART",
    "UTSHUT",
    "UT",
    "UTC",
)
_TIMES = (
    "OBSTIME",
    "UTC",
    "UT",
    "TIMEOBS",
    "UTCOBS",
    "UTOBS",
    "UTSTART",
    "UTCSTART",
    "STARTUT",
    "TIMEBEG",
    "TIMESTART",
    "UTSHUT",
    "UTTIME",
    "TIMEUT",
    "TIMEUTC",
    "OBSUTC",
)
_MJD = ("MJDOBS", "MJDAVG", "MJD", "OBSMJD", "UTMJD", "MJDUTC", "MJDBEG", "MJDSTART", "MJDMID", "SPECTRUMMJD")
_JD = ("JD", "JDOBS", "HJD", "BJD", "JDUTC", "UTJD", "JDMID", "JULDATE", "JULIANDATE")
# Several pipelines write one of these for a missing value.
_MISSING = {"", "-1", "-1.0", "NONE", "NAN", "UNKNOWN", "N/A", "NULL", "UNDEFINED", "-99", "-999", "TBD", "NO OBJECT"}
# The header of the calibration star sometimes ends up in the transient's file.
_STANDARD_STAR = re.compile(r"(HIP|HD|HR|SAO|FEIGE|LTT|BD ?[+-]|GD|HILTNER|EGGR?)[ _-]?\d+", re.I)
# A word of the exposure behind a name, as in "SN2011HT BLUE 2011 DEC 26".
_OF_EXPOSURE = re.compile(rf"blue|red|uvb|vis|nir|arm|\d[\d.:]*|(?:{MONTH_NAMES})[a-z]*", re.I)
# A year and more digits, which is no time of day.
_DATE_LIKE = re.compile(r"(19|20)\d\d([-/:. ]\d|\d{4})")
_EARLIEST = datetime(1910, 1, 1, tzinfo=UTC)


def collect(header: Mapping[str, str], receipt: Receipt) -> dict[str, Any]:
    """Return the metadata fields of a Spectrum; a field that nothing states is None.

    The header goes first, then the table beside the file. The object and the date may also come from the file's name.
    That is recorded as a guess, and so is every change to what the header says.

    header: values by key, in upper case.
    receipt: gives the table's row and the file's names, and takes the guesses and warnings.
    """
    sources = (_squeezed(header), _squeezed(receipt.beside))
    name_in_file_name = _first(map(object_in_name, receipt.names))
    in_header, beside = (_text(source, _OBJECT) for source in sources)
    stater = "header" if in_header is not None else "table beside the file"
    object_name = _object(in_header if in_header is not None else beside, stater, name_in_file_name, receipt)
    exposure = _first(_number(source, _EXPOSURE) for source in sources)
    redshift = _first(_number(source, _REDSHIFT) for source in sources)
    stated = _first(_observed_at(source, receipt) for source in sources)
    ra, dec = _first(_coordinates(source, receipt) for source in sources) or (None, None)
    return {
        "object_name": object_name,
        "observed_at": _date(stated, receipt, discovery_year(name_in_file_name) or discovery_year(object_name)),
        "instrument": _first(_text(source, _INSTRUMENT) for source in sources),
        "telescope": _first(_text(source, _TELESCOPE) for source in sources),
        "observer": _first(_text(source, _OBSERVER) for source in sources),
        "reducer": _first(_text(source, _REDUCER) for source in sources),
        "exposure_s": exposure if exposure and exposure > 0 else None,
        "redshift": redshift if redshift is not None and is_plausible_redshift(redshift) else None,
        "ra": ra,
        "dec": dec,
    }


def _coordinates(header: Mapping[str, str], receipt: Receipt) -> tuple[float, float] | None:
    """Return right ascension and declination of a header with squeezed keys, in degrees (ICRS), or None."""
    ra = _first(read_degrees(_clean(header, key), hour=15.0) for key in _RA)
    dec = _first(read_degrees(_clean(header, key), hour=1.0) for key in _DEC)
    if ra is None or dec is None:
        ra, dec = _first(read_pair(_clean(header, key)) for key in _BOTH) or (None, None)
    if ra is None or dec is None or not (0 <= ra < 360 and -90 <= dec <= 90) or ra == dec == 0:
        return None
    equinox = _equinox(header)
    if abs(equinox - 2000) < 0.01:
        return ra, dec
    receipt.guess("coordinates", [ra, dec], f"of the equinox {equinox:g} in the header, precessed to 2000", 0.9)
    return to_icrs(ra, dec, equinox)


def _equinox(header: Mapping[str, str]) -> float:
    """Return the equinox of the coordinates in years, 2000 if the header with squeezed keys states none that counts."""
    if year := re.fullmatch(r"[JB]?((?:18|19|20)\d\d(?:\.\d*)?)", _text(header, ("EQUINOX", "CATEQUI")) or "", re.I):
        return float(year[1])
    # EPOCH is the older key of the equinox, and elsewhere the date of the observation.
    if re.fullmatch(r"B?1950(\.0*)?", _text(header, ("EPOCH",)) or "", re.I):
        return 1950.0
    return 1950.0 if (_text(header, ("RADESYS", "RADECSYS")) or "").upper().startswith("FK4") else 2000.0


def _object(stated: str | None, stater: str, named: str | None, receipt: Receipt) -> str | None:
    """Return the stated name, spelt as its survey spells it, or else the one in the file's name.

    stated: name that the header states, or the table beside the file.
    stater: which of them.
    named: name in the file's name.
    """
    if stated is None or (named is not None and _STANDARD_STAR.match(stated)):
        if named is not None:
            receipt.guess("object", named, "the file's name", 0.8)
        return named or stated
    # SEDM appends the position in its lenslet array, which does not belong to the name.
    name = re.sub(r" \[[A-Z]\]$", "", stated)
    spelt = object_in_name(name)
    if spelt is not None and spelt.casefold() == name.casefold():
        name = spelt
    if spelt is not None and named is not None and name_key(_without_exposure(name)) == name_key(named):
        name = spelt
    if named is not None and name_key(named) != name_key(name):
        # The files of a survey leave out the survey: 13adc is iPTF13adc.
        if name[:1].isdigit() and name_key(named).endswith(name_key(name)):
            receipt.guess("object", named, f"the {stater} says {stated}, and the file's name {named}", 0.9)
            return named
        receipt.warn("names_differ", f"the {stater} calls the object {name}, and the file's name says {named}")
    if name != stated:
        receipt.guess("object", name, f"the {stater} says {stated}", 0.95)
    return name


def _without_exposure(name: str) -> str:
    """Return a name without the words of the exposure behind it."""
    words = re.split(r"([ _-]+)", name)
    while len(words) > 2 and _OF_EXPOSURE.fullmatch(words[-1]):
        del words[-2:]
    return "".join(words)


def _squeezed(header: Mapping[str, str]) -> dict[str, str]:
    """Return a header with its keys in upper case and without blanks, hyphens and underscores."""
    squeezed: dict[str, str] = {}
    for key, value in header.items():
        squeezed.setdefault(re.sub(r"[-_ .]", "", key.upper()), value)
    return squeezed


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _date(stated: datetime | None, receipt: Receipt, discovered: int | None) -> datetime | None:
    """Return the stated date if it can be true, else the one in the file's name.

    discovered: year in which the object was discovered, or None.
    """
    named = _first(map(date_in_name, receipt.names))
    if stated is not None and stated > datetime.now(UTC) + CLOCK_ERROR:
        receipt.warn("date_future", f"the header's date {stated:%Y-%m-%d} was not used: it has not come yet")
        stated = None
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
    value = header.get(key)
    return "" if value is None else " ".join(str(value).strip().strip("'\"").split())


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


def _observed_at(header: Mapping[str, str], receipt: Receipt) -> datetime | None:
    """Return the date of a header with squeezed keys, or None; a date that cannot be read is warned of."""
    from_days = _from_days(header)
    unreadable = None
    for key in _DATES:
        text = _clean(header, key)
        if not text:
            continue
        date = parse_date(text)
        if date is None or date.at <= _EARLIEST:
            if date is None and _DATE_LIKE.match(text):
                unreadable = unreadable or text
            continue
        date = _with_time(date, header) if date.day_only else date
        agree = from_days is not None and abs(from_days - date.at) < timedelta(days=1.5)
        if from_days is not None and (date.ambiguous or (date.day_only and agree)):
            return from_days
        if date.ambiguous:
            evidence = f"the day was taken to stand before the month in “{text}”"
            receipt.guess("observed_at", date.at.isoformat().replace("+00:00", "Z"), evidence, 0.6)
        return date.at
    if from_days is None and unreadable is not None:
        receipt.warn("date_unreadable", f"the header's date “{unreadable[:40]}” was not used: it is no date")
    return from_days


def _with_time(date: StatedDate, header: Mapping[str, str]) -> StatedDate:
    """Return a date that is known to the day with the time of another key, if there is one."""
    time = _first(parse_clock(_clean(header, key)) for key in _TIMES)
    return date if time is None else date._replace(at=date.at + time, day_only=False)


def _from_days(header: Mapping[str, str]) -> datetime | None:
    days = _number(header, _MJD)
    if days is None:
        days = _number(header, _JD)
        # A small number under such a key may count from 2,400,000 or from 2,400,000.5.
        if days is not None and days < 2_400_000:
            return None
    if days is not None and days > 2_400_000:
        days -= 2_400_000.5
    # Numbers outside 1910 to 2100 are not modified Julian days.
    if days is None or not 19_000 < days < 88_000:
        return None
    return time_of_mjd(days)
