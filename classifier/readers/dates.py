"""Dates of observation in the forms that headers and tables write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# A clock may be wrong by so much before a date counts as one that has not come yet.
CLOCK_ERROR = timedelta(days=1)
MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)

MONTH_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
MONTHS = {month: i for i, month in enumerate(MONTH_NAMES.split("|"), 1)}

_YEAR, _DAY = r"(?P<year>(?:19|20)\d\d)", r"(?P<day>\d{1,2})(?:\.(?P<fraction>\d+))?"
_WORD = rf"(?P<word>(?:{MONTH_NAMES})[a-z]*)\.?"
_GAP = r"[-/:._ ]+"
_AFTER = r"(?:[T,_ ]+(?P<clock>\d.*))?"
# Numbers with the year last may have the day or the month first.
_FORMS = tuple(
    re.compile(rf"(?:{form})$", re.I)
    for form in (
        rf"{_YEAR}{_GAP}(?:(?P<month>\d{{1,2}})|{_WORD}){_GAP}{_DAY}{_AFTER}",
        rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)(?:\.(?P<fraction>\d+))?{_AFTER}",
        rf"{_DAY}{_GAP}{_WORD}{_GAP}{_YEAR}{_AFTER}",
        rf"{_WORD}{_GAP}{_DAY}(?:{_GAP}|, *){_YEAR}{_AFTER}",
        rf"(?P<first>\d{{1,2}}){_GAP}(?P<second>\d{{1,2}}){_GAP}{_YEAR}{_AFTER}",
        # Before 2000 the FITS standard wrote dates as 31/12/99. Some instruments went on with it.
        r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<short>\d\d)(?P<fraction>)(?P<clock>)",
    )
)
_ZONE = re.compile(r"[ (]*(?:UTC?|GMT|Z)[) ]*$", re.I)
_OFFSET = re.compile(r"(?<=\d)(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?$")
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:[:h ]+(?P<minute>\d{1,2})(?:[:m' ]+(?P<second>\d{1,2}(?:\.\d*)?)[s\"]*|m)?|h)$|"
    r"(?P<hour2>\d\d)(?P<minute2>\d\d)(?P<second2>\d\d)(?:\.\d*)?$",
    re.I,
)


class StatedDate(NamedTuple):
    """Date that a text holds.

    at: UTC; midnight if only the day is known.
    day_only: whether only the day is known.
    ambiguous: whether day and month may be the other way round.
    """

    at: datetime
    day_only: bool
    ambiguous: bool = False


def parse_date(text: str) -> StatedDate | None:
    """Return the date in a text such as 2021-03-15T09:00:00, 2021 Mar 15.375, 15/03/2021 or 2021:03:15, or None."""
    text = " ".join(text.split())
    without_zone = _ZONE.sub("", text)
    for form in _FORMS:
        match = form.match(without_zone)
        if match and (found := _date(match.groupdict())):
            return found
    return None


def parse_clock(text: str) -> timedelta | None:
    """Return the time of day in a text such as 09:00:00, 9h00m or the decimal hours 08.976, or None.

    A number from 24 to 86,400 counts seconds, as ESO's header keys do.
    """
    # A date may stand before the time.
    text = re.sub(r"^(?:19|20)\d\d[-/:]\d\d[-/:]\d\d[T ]", "", _ZONE.sub("", text.strip()))
    match = _CLOCK.match(text)
    if match:
        parts = [match[key] or match[f"{key}2"] or 0 for key in ("hour", "minute", "second")]
        hours, minutes, seconds = int(parts[0]), int(parts[1]), float(parts[2])
        midnight = (hours, minutes, seconds) == (24, 0, 0)
        if (hours < 24 or midnight) and minutes < 60 and seconds < 61:
            return timedelta(hours=hours, minutes=minutes, seconds=round(seconds, 3))
        return None
    number = re.fullmatch(r"\d{1,5}\.\d*|\d{3,5}", text)
    if number is None or float(text) >= 86_400:
        return None
    seconds = float(text) * 3600 if float(text) < 24 else float(text)
    return timedelta(seconds=round(seconds))


def _date(parts: dict[str, str | None]) -> StatedDate | None:
    day, month, ambiguous = parts.get("day"), parts.get("month") or _month(parts.get("word")), False
    if parts.get("first"):
        first, second = int(parts["first"] or 0), int(parts["second"] or 0)
        # Day first is the commoner order, and a number above 12 is a day.
        day, month = (str(second), str(first)) if second > 12 else (str(first), str(second))
        ambiguous = first <= 12 and second <= 12 and first != second
    year, short = parts.get("year"), parts.get("short")
    if short:
        recent = short < "50"
        year = f"{20 if recent else 19}{short}"
        ambiguous = recent and int(day or 0) <= 12 and day != month
    try:
        at = datetime(int(year or 0), int(month or 0), int(day or 0), tzinfo=UTC)
    except ValueError:
        return None
    if parts.get("fraction"):
        return StatedDate(at + timedelta(seconds=round(86_400 * float(f"0.{parts['fraction']}"))), False, ambiguous)
    return _with_clock(at, parts.get("clock"), ambiguous)


def _with_clock(at: datetime, clock: str | None, ambiguous: bool) -> StatedDate | None:
    if not clock:
        return StatedDate(at, True, ambiguous)
    offset = _OFFSET.search(clock)
    clock = clock[: offset.start()] if offset else clock
    time = parse_clock(clock)
    if time is None:
        return None
    if offset:
        shift = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        time -= shift if offset["sign"] == "+" else -shift
    return StatedDate(at + time, False, ambiguous)


def _month(word: str | None) -> str | None:
    return None if word is None else str(MONTHS[word[:3].lower()])


def mjd_of(when: datetime) -> float:
    """Return a time as a Modified Julian Date (MJD)."""
    return (when - MJD_ZERO).total_seconds() / 86_400


def time_of_mjd(days: float) -> datetime:
    """Return the time of a Modified Julian Date, in UTC, to the second."""
    return MJD_ZERO + timedelta(seconds=round(86_400 * days))
