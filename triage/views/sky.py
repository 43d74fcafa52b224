"""Place of a transient on the sky, and links to pages about it. Nothing is loaded from elsewhere."""

from __future__ import annotations

import dataclasses
from typing import Self
from urllib.parse import quote

from classifier.readers.coordinates import sexagesimal
from triage.models import Transient

# Address of each service's page about a place, in degrees.
SERVICES = (
    ("TNS", "https://www.wis-tns.org/search?ra={ra}&decl={dec}&radius=5&coords_unit=arcsec"),
    (
        "NED",
        "https://ned.ipac.caltech.edu/conesearch?search_type=Near%20Position%20Search&coordinates={ra}d%20{dec}d&radius=1",
    ),
    ("SIMBAD", "https://simbad.cds.unistra.fr/simbad/sim-coo?Coord={ra}+{dec}&Radius=1&Radius.unit=arcmin"),
    ("Legacy Survey", "https://www.legacysurvey.org/viewer?ra={ra}&dec={dec}&zoom=15&mark={ra},{dec}"),
    ("ALeRCE (ZTF)", "https://alerce.online/?ra={ra}&dec={dec}&radius=5"),
)


@dataclasses.dataclass(frozen=True)
class SkyPlace:
    """A place on the sky, ICRS.

    degrees: right ascension and declination in degrees.
    sexagesimal: both in hours and degrees with minutes and seconds.
    links: name and address of each page about it.
    """

    degrees: str
    sexagesimal: str
    links: list[tuple[str, str]]

    @classmethod
    def of_transient(cls, transient: Transient) -> Self | None:
        """Return where a transient lies, or None if that is not known."""
        if transient.ra is None or transient.dec is None:
            return None
        ra, dec = f"{transient.ra:.6f}", f"{transient.dec:+.6f}"
        links = [(name, address.format(ra=ra, dec=quote(dec))) for name, address in SERVICES]
        return cls(f"{ra} {dec}", " ".join(sexagesimal(transient.ra, transient.dec)), links)
