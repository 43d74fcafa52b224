"""Coordinates in the forms that headers and tables write them."""

from __future__ import annotations

import math
import re

from astropy import units
from astropy.coordinates import Angle

_SEXAGESIMAL = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d{1,3})[: ](?P<minutes>\d\d?)[: ](?P<seconds>\d\d?(?:\.\d*)?)")


def read_degrees(text: str, hour: float) -> float | None:
    """Return degrees from a text in degrees or in sexagesimal units, or None.

    hour: degrees in the first unit of the sexagesimal text.
    """
    match = _SEXAGESIMAL.fullmatch(text)
    try:
        if match is None:
            degrees = float(text)
            return degrees if math.isfinite(degrees) else None
        whole, minutes, seconds = int(match["whole"]), int(match["minutes"]), float(match["seconds"])
    except ValueError:
        return None
    if minutes >= 60 or seconds >= 60:
        return None
    size = hour * (whole + minutes / 60 + seconds / 3600)
    return -size if match["sign"] == "-" else size


def read_pair(text: str) -> tuple[float, float] | None:
    """Return right ascension and declination in degrees from a text such as "12:30:11.2 -12:30:11", or None."""
    words = text.replace(",", " ").split()
    if len(words) not in (2, 6):
        return None
    half = len(words) // 2
    ra, dec = read_degrees(" ".join(words[:half]), hour=15.0), read_degrees(" ".join(words[half:]), hour=1.0)
    return None if ra is None or dec is None else (ra, dec)


def sexagesimal(ra: float, dec: float) -> tuple[str, str]:
    """Return right ascension as hh:mm:ss.sss and declination as ±dd:mm:ss.ss. The TNS fails on more digits than these.

    ra, dec: degrees.
    """
    hours = Angle(ra, units.deg).to_string(unit=units.hourangle, sep=":", precision=3, pad=True)
    degrees = Angle(dec, units.deg).to_string(unit=units.deg, sep=":", precision=2, pad=True, alwayssign=True)
    return str(hours), str(degrees)
