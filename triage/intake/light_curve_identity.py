"""Object and place that the file of a light curve states, compared with the transient that it is added to."""

from __future__ import annotations

import math
import re
from typing import Any

from astropy.coordinates import angular_separation
from django.contrib.auth.models import User

from classifier.names import name_key
from classifier.readers.filename import is_generic
from classifier.readers.metadata import collect
from classifier.readers.receipt import Receipt
from classifier.readers.text_header import read_header
from triage.intake.light_curve_columns import is_header
from triage.intake.light_curve_text import read_preamble, read_rows
from triage.models import OtherName, Transient

# Arcseconds between the transient and a place that is still its own.
NEAR = 10.0
# Keys and titles that the headers of spectra spell otherwise.
_OBJECT_COLUMNS = {"objectid", "object_id", "oid"}
_REQUESTED = re.compile(r"^requested input |(?<!\s)\s+degrees$", re.IGNORECASE)


def doubts(user: User, transient: Transient, content: bytes, filename: str) -> list[dict[str, str]]:
    """Return warnings, each with code and message, if the file of a light curve is of another object or place.

    The place counts first: a file whose coordinates are those of the transient may call it by any name. Coordinates and
    name come from the lines above the table, else from its columns; the name may also come from the file's name.

    user: whose transients and names are compared.
    content: the file's bytes, which can be read as a light curve.
    """
    stated = _stated(content, filename)
    name, ra, dec = stated["object_name"], stated["ra"], stated["dec"]
    if None not in (ra, dec, transient.ra, transient.dec):
        places = (math.radians(degrees) for degrees in (transient.ra or 0.0, transient.dec or 0.0, ra, dec))
        distance = math.degrees(angular_separation(*places)) * 3600
        if distance <= NEAR:
            return []
        words = f"the coordinates in {filename} lie {_in_words(distance)} from {transient.name}"
        return [{"code": "place_differs", "message": words}]
    if not name or is_generic(name):
        return []
    known = OtherName.objects.visible_to(user).filter(transient=transient).values_list("name", flat=True)
    if name_key(name) in {name_key(each) for each in (transient.name, *known)}:
        return []
    other = Transient.objects.visible_to(user).called(user, name)
    what = "another transient of this desk" if other else f"no known name of {transient.name}"
    return [{"code": "names_differ", "message": f"{filename} is of {name}, which is {what}"}]


def _stated(content: bytes, filename: str) -> dict[str, Any]:
    """Return the metadata that a file's lines above the table, its columns and its name state."""
    titles, rows = read_rows(content, is_header)
    columns = {
        "OBJECT" if title in _OBJECT_COLUMNS else title.upper(): cell
        for title, cell in zip(titles, rows[0][1], strict=False)
    }
    lines = [_REQUESTED.sub("", line.lstrip("#@ ")) for line in read_preamble(content, is_header)]
    return collect(columns | read_header(lines), Receipt(filename))


def _in_words(arcseconds: float) -> str:
    """Return a distance on the sky in words, such as “2.4′”."""
    if arcseconds < 60:
        return f"{arcseconds:.0f}″"
    return f"{arcseconds / 60:.1f}′" if arcseconds < 3600 else f"{arcseconds / 3600:.1f}°"
