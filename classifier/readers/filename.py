"""Object and date in the name of a file; the readers record both as guesses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from classifier.readers.dates import CLOCK_ERROR, MONTH_NAMES, MONTHS, time_of_mjd

_MONTH = rf"(?P<month>{MONTH_NAMES})[a-z]{{0,6}}"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_CLOCK = r"(?:[-_T ](?P<hour>\d\d)[-_:h](?P<minute>\d\d)[-_:m](?P<second>\d\d)s?(?!\d))?"
_FRACTION = r"(?:\.(?P<fraction>\d{1,5})(?!\d))?"
_DAY_FIRST = 0.5

# Patterns of a date and the confidence in each, the likeliest first.
_DATES: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(pattern, re.I), confidence)
    for pattern, confidence in (
        (rf"(?<!\d){_YEAR}[-_.](?P<month>\d\d)[-_.](?P<day>\d\d)(?!\d){_CLOCK}{_FRACTION}", 0.8),
        (rf"(?<!\d){_YEAR}(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?!\d)", 0.8),
        (rf"(?<!\d){_YEAR}(?P<month>\d\d)(?P<day>\d\d)(?!\d){_CLOCK}{_FRACTION}", 0.7),
        (rf"(?<!\d){_YEAR}[-_. ]?{_MONTH}[-_. ]?(?P<day>\d\d?)(?!\d){_FRACTION}", 0.7),
        (rf"(?<!\d)(?P<day>\d\d?)[-_. ]?{_MONTH}[-_. ]?{_YEAR}(?!\d)", 0.7),
        (rf"(?<!\d)(?P<day>\d\d)[-_. ]?{_MONTH}[-_. ]?(?P<year>\d\d)(?!\d)", 0.6),
        (rf"(?<!\d)(?P<day>\d\d)(?P<month>\d\d){_YEAR}(?!\d)", _DAY_FIRST),
        (r"(?:^|[_. ])(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)(?=$|[_. ])", _DAY_FIRST),
    )
)
_JULIAN = re.compile(r"(?<!\d)(24[45]\d{4}(?:\.\d+)?)(?!\d)")
_MODIFIED_JULIAN = re.compile(r"mjd[-_]?(\d{5}(?:\.\d+)?)(?!\d)", re.I)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

_LETTERS = r"(?P<letters>[a-z]{1,5})(?![a-z0-9])"
_OBJECTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?<![a-z0-9])t?{pattern}", re.I), prefix)
    for pattern, prefix in (
        (rf"SN[-_ ]?(?P<year>(?:19|20)\d\d){_LETTERS}", "SN"),
        (rf"AT[-_ ]?(?P<year>20\d\d){_LETTERS}", "AT"),
        # Words may follow a year too ("SN 2011 spec"), so letters after a blank count only before a date or alone.
        (rf"SN (?P<year>(?:19|20)\d\d) {_LETTERS}(?= \d|\.\w+$|$)", "SN"),
        (rf"AT (?P<year>20\d\d) {_LETTERS}(?= \d|\.\w+$|$)", "AT"),
        (rf"iPTF[-_ ]?(?P<year>\d\d){_LETTERS}", "iPTF"),
        (rf"PTF[-_ ]?(?P<year>\d\d){_LETTERS}", "PTF"),
        (r"ZTF(?P<year>\d\d)(?P<letters>[a-z]{7})(?![a-z0-9])", "ZTF"),
        (rf"ASASSN[-_ m]?(?P<year>\d\d){_LETTERS}", "ASASSN-"),
        (rf"ATLAS[-_ ]?(?P<year>\d\d){_LETTERS}", "ATLAS"),
        (rf"Gaia[-_ ]?(?P<year>\d\d){_LETTERS}", "Gaia"),
        (rf"PS1[-_ ](?P<year>\d\d){_LETTERS}", "PS1-"),
        (rf"PS(?P<year>\d\d){_LETTERS}", "PS"),
        (rf"LSQ(?P<year>\d\d){_LETTERS}", "LSQ"),
        (r"OGLE[-_ ]?(?P<year>\d{4})[-_ ]?SN[-_ ]?(?P<letters>\d{3})(?!\d)", "OGLE-"),
        (rf"OGLE(?P<year>\d\d){_LETTERS}", "OGLE"),
        (r"DES(?P<year>\d\d)(?P<letters>[CESX]\d[a-z]{1,4})(?![a-z0-9])", "DES"),
        (rf"SN(?P<year>\d\d){_LETTERS}", "SN"),
        # PTF's own files leave out the prefix: 10iuv_20100905_Keck1_v1.ascii.
        (r"^(?P<year>09|1[0-7])(?P<letters>(?!sec|min|exp|hrs?\b)[a-z]{2,4})(?=[ -].*20\d{6}(?!\d))", "PTF"),
        (rf"tns[-_ ](?P<year>20\d\d){_LETTERS}", ""),
        (rf"(?P<year>(?:19|20)\d\d){_LETTERS}", ""),
    )
)


# Date of the night, as most pipelines write it after the object's name.
_NIGHT = re.compile(r"[-_ .](?:(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d|24[45]\d{4})(?!\d)")
# Right ascension and declination, as surveys put them into names. Other words ("gr5_300", "night2024") may be shared by
# different objects.
_COORDINATES = re.compile(r"(?<![\d.])(?:[01]\d|2[0-3])[0-5]\d{1,5}(?:\.\d+)?[-+pm]\d{3}")

# Words that say what a file or an exposure is, and not which object it shows.
_GENERIC = frozenset(
    """
    a arc arm ascii avg b bias bin binned blue box cal calib calibrated chip clean coadd coadded comb combined comp
    copy corr corrected csv dat data day det download epoch exp exposure ext extract extracted fiber fibre file
    final fits flat flux fluxcal fluxed frame galaxy host image img iter mean median merge merged my new night nir
    no none noname nr nucleus num obj object obs observation old opt optimal order out output part r raw rebin red
    reduced result results sci science sky slit smooth source spat spec spectra spectrum stack standard star std sum
    supernova target tell telluric test the trace transient txt unknown unnamed untitled upload uvb v ver version
    vis wave wavelength weighted x y
    """.split()  # noqa: SIM905
)
# Rubin's objects have names of digits alone.
_LEAST_DIGITS_OF_A_NAME = 15


class DateInName(NamedTuple):
    """Date that a file's name holds.

    at: UTC, midnight if the name gives only the day.
    confidence: 0 to 1.
    """

    at: datetime
    confidence: float


def date_in_name(name: str) -> DateInName | None:
    """Return the date in a file's name, or None if it holds none that can be true.

    A date can be true if it has come and is not from before the object's discovery.
    """
    latest = datetime.now(UTC) + CLOCK_ERROR
    discovered = discovery_year(object_in_name(name))
    for at, confidence in _candidates(name):
        if _EARLIEST <= at <= latest and (discovered is None or at.year >= discovered - 1):
            return DateInName(at, confidence)
    return None


def _candidates(name: str) -> Iterator[tuple[datetime, float]]:
    for pattern, zero in ((_JULIAN, 2_400_000.5), (_MODIFIED_JULIAN, 0.0)):
        for match in pattern.finditer(name):
            yield time_of_mjd(float(match[1]) - zero), 0.8 if "." in match[1] else 0.6
    for date_pattern, confidence in _DATES:
        for match in date_pattern.finditer(name):
            at_or_none = _date(match.groupdict())
            if at_or_none is not None:
                yield at_or_none, confidence


def _date(parts: dict[str, str | None]) -> datetime | None:
    year, month = parts["year"] or "", parts["month"] or ""
    century = 0 if len(year) == 4 else 1900 if int(year) > 50 else 2000
    try:
        day = datetime(
            century + int(year),
            MONTHS.get(month[:3].lower()) or int(month),
            int(parts["day"] or ""),
            int(parts.get("hour") or 0),
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    fraction = parts.get("fraction")
    if fraction and not parts.get("hour"):
        day += timedelta(seconds=round(86_400 * float(f"0.{fraction}")))
    return day


def object_in_name(name: str) -> str | None:
    """Return the designation in a file's name, spelt as its survey spells it, or None."""
    for pattern, prefix in _OBJECTS:
        match = pattern.search(name.replace("_", " "))
        if match is None or match["letters"].lower() in MONTHS:
            continue
        spaced = match.group()[: match.start("letters") - match.start()].endswith(" ")
        several = len(match["letters"]) > 1
        if (not prefix or spaced) and several and match["letters"].lower() in _GENERIC:
            # 2024spec
            continue
        if spaced and several and not match["letters"].islower():
            # SN 2019 WHT
            continue
        year, letters = match["year"], match["letters"]
        if prefix == "SN" and len(year) == 2:
            year = f"{19 if int(year) > 50 else 20}{year}"
        if prefix == "OGLE-":
            return f"OGLE-{year}-SN-{letters}"
        if not prefix and int(year) < 2016:
            prefix = "SN"
        if prefix == "PTF" and int(year) >= 13:
            prefix = "iPTF"
        if prefix != "DES":
            letters = letters.upper() if len(letters) == 1 and len(year) == 4 else letters.lower()
        return f"{prefix}{year}{letters}"
    return None


def coordinates_in_stem(stem: str) -> str | None:
    """Return the words before the date of the night if they hold coordinates, as some surveys name objects, or None.

    stem: file name without its extension.
    """
    head = _NIGHT.split(stem, maxsplit=1)[0]
    if not _COORDINATES.search(head):
        return None
    # PESSTO puts a t before the names of its objects.
    return re.sub(r"^t(?=[A-Z]{2,}[-_]?\d)", "", head)


def is_generic(name: str) -> bool:
    """Return whether a name could be that of any object: numbers, dates, and words of observing and of pipelines."""
    if object_in_name(name) is not None:
        return False
    words = re.findall(r"[a-z]+", name.casefold())
    return len(re.sub(r"\D", "", name)) < _LEAST_DIGITS_OF_A_NAME and _GENERIC.issuperset(words)


def discovery_year(object_name: str | None) -> int | None:
    """Return the year in which an object was discovered if its designation holds it, else None."""
    match = re.match(r"(?:SN|AT|TDE)?[ _]?((?:19|20)\d\d)[A-Za-z]{1,4}$", object_name or "")
    if match:
        return int(match[1])
    match = re.match(r"(?:i?PTF|ZTF|ASASSN-|ATLAS|Gaia|PS|PS1-|LSQ)(\d\d)[a-z]+$", object_name or "")
    return 2000 + int(match[1]) if match else None
