"""Coordinates in the forms that headers and tables write them."""

from __future__ import annotations

import math
import re

from astropy import units
from astropy.coordinates import FK4, FK5, Angle, SkyCoord
from astropy.time import Time

_SEXAGESIMAL = re.compile(
    r"(?P<sign>[-+]?)(?P<whole>\d{1,3})(?P<unit>[: ]|[hd°] ?)(?P<minutes>\d\d?)(?:[: ]|[m′'] ?)"
    r"(?P<seconds>\d\d?(?:\.\d*)?)[s″\"]?"
)
# Degrees in the units that a text may name.
_NAMED_UNITS = {"h": 15.0, "d": 1.0, "°": 1.0}
# Words that people write before coordinates.
_LABELS = re.compile(r"\b(?:ra|dec|j2000|icrs)\b\s*[=:]?", re.IGNORECASE)
_RADIUS = re.compile(
    r"[\s,](?P<size>-?\d+(?:\.\d*)?)\s*"
    r"(?:(?P<second>\"|″|''|arcsec(?:onds?)?|s)|(?P<minute>'|′|arcmin(?:utes?)?|m)|(?P<degree>°|deg(?:rees?)?|d))?$"
)
# Coordinates as names hold them: J104450+213118, or MASTER OT J120451.50+265946.6.
_IN_NAME = re.compile(r"(?:.*[\sJj])?(\d\d)(\d\d)(\d\d(?P<share>\.\d+)?)([-+])(\d\d)(\d\d)(\d\d(?:\.\d+)?)")
# A sign without a blank before it, as in 16h00m01s-01d02m03s, begins the declination.
_SECOND_SIGN = re.compile(r"(?<=[\ds″\"])(?=[-+])")


def read_degrees(text: str, hour: float) -> float | None:
    """Return degrees from a text in degrees or in sexagesimal units, or None.

    hour: degrees in the first unit of a sexagesimal text that does not name it as h, d or °.
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
    # Further digits come from the division alone.
    size = round(_NAMED_UNITS.get(match["unit"].strip(), hour) * (whole + minutes / 60 + seconds / 3600), 9)
    return -size if match["sign"] == "-" else size


def read_pair(text: str) -> tuple[float, float] | None:
    """Return right ascension and declination in degrees from a text such as "12:30:11.2 -12:30:11", or None."""
    text = text.replace("−", "-").replace(",", " ")
    words = _SECOND_SIGN.sub(" ", text).split()
    if len(words) not in (2, 6):
        return None
    half = len(words) // 2
    ra, dec = read_degrees(" ".join(words[:half]), hour=15.0), read_degrees(" ".join(words[half:]), hour=1.0)
    return None if ra is None or dec is None else (ra, dec)


def to_icrs(ra: float, dec: float, equinox: float) -> tuple[float, float]:
    """Return coordinates in ICRS from those of a mean equinox: FK4 before 1984, FK5 since then.

    ra, dec: degrees.
    equinox: years, such as 1950.0.
    """
    besselian = equinox < 1984
    time = Time(equinox, format="byear" if besselian else "jyear")
    place = SkyCoord(ra, dec, unit="deg", frame=FK4(equinox=time) if besselian else FK5(equinox=time)).icrs
    return round(float(place.ra.deg), 6), round(float(place.dec.deg), 6)


def read_cone(text: str) -> tuple[float, float, float | None] | None:
    """Return right ascension and declination in degrees and a radius in arcseconds from a text, or None.

    The radius is a number behind the coordinates, such as "30", "30 arcsec" or "0.1 deg". Without a unit it is in
    arcseconds. It is None if there is none. Coordinates outside of the sky give None.
    """
    text = _LABELS.sub(" ", text.replace("−", "-")).strip()
    pair, radius = read_pair(text), None
    if pair is None and (match := _RADIUS.search(text)):
        pair = read_pair(text[: match.start()])
        radius = float(match["size"]) * (60 if match["minute"] else 3600 if match["degree"] else 1)
    if pair is None or not (0 <= pair[0] < 360 and -90 <= pair[1] <= 90):
        return None
    return *pair, radius


def place_in_name(name: str) -> tuple[float, float, float | None] | None:
    """Return right ascension and declination in degrees that a name such as "J104450+213118" is made of, or None.

    The third number is a radius in arcseconds, because names cut off the rest of a second, which may be 15 arcseconds
    of right ascension. It is None if the name has shares of a second.
    """
    match = _IN_NAME.fullmatch(name.replace("−", "-").strip())
    if match is None:
        return None
    hours, minutes, seconds, _, sign, degrees, arcminutes, arcseconds = match.groups()
    cone = read_cone(f"{hours}:{minutes}:{seconds} {sign}{degrees}:{arcminutes}:{arcseconds}")
    return None if cone is None else (cone[0], cone[1], None if match["share"] else 16.0)


def sexagesimal(ra: float, dec: float) -> tuple[str, str]:
    """Return right ascension as hh:mm:ss.sss and declination as ±dd:mm:ss.ss. The TNS fails on more digits than these.

    ra, dec: degrees.
    """
    hours = Angle(ra, units.deg).to_string(unit=units.hourangle, sep=":", precision=3, pad=True)
    degrees = Angle(dec, units.deg).to_string(unit=units.deg, sep=":", precision=2, pad=True, alwayssign=True)
    return str(hours), str(degrees)
