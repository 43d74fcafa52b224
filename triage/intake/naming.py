"""The transient that a spectrum belongs to: found by its names, or made.

A name that a person or the file's header states is taken. The file's own name is a guess: only a survey's designation
in it is taken. A spectrum without a name waits for one.
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from classifier.names import name_key
from classifier.readers import Reading
from classifier.readers.filename import coordinates_in_stem, is_generic, object_in_name
from triage.intake.disclosure import admit
from triage.intake.given import Given
from triage.models import OtherName, Spectrum, Transient


class NamedBy(StrEnum):
    """Origin of a spectrum's transient: a person, a file, a server."""

    PERSON = "person"
    HEADER = "header"
    FILE_NAME = "file_name"


@dataclasses.dataclass(frozen=True)
class FoundName:
    """Name of a file's transient.

    name: the name.
    by: who or what gave it.
    """

    name: str
    by: NamedBy


def name_of_file(given: Given, reading: Reading, filename: str) -> FoundName | None:
    """Return the name of a file's transient, or None if nothing but a person can tell.

    The stated name comes first, then the object in the file's header, then a survey's designation in the file's name
    (or in the name of the archive's member). Words that could mean any object, such as "target", are no name.
    """
    if given.transient:
        return FoundName(given.transient, NamedBy.PERSON)
    stem = Path(reading.receipt.get("member") or filename).stem
    guess = object_in_name(stem) or coordinates_in_stem(stem) or ""
    stated = _clean_name(reading.spectrum.object_name)
    if stated and not is_generic(stated) and not _is_from_file_name(reading):
        return FoundName(stated, NamedBy.HEADER)
    name = _clean_name(guess)
    return FoundName(name, NamedBy.FILE_NAME) if name else None


def _is_from_file_name(reading: Reading) -> bool:
    guesses = reading.receipt.get("guesses", ())
    return any(guess["what"] == "object" and guess["evidence"] == "the file's name" for guess in guesses)


def name_spectrum(spectrum: Spectrum, given: Given, reading: Reading) -> None:
    """Give a spectrum the transient of its file, making it if it does not exist; the caller saves the spectrum.

    The spectrum stays unnamed if nothing names it. Redshift and coordinates that were stated for a public file are
    stored with the transient. Those of a private one stay with the spectrum, because others may see the transient.
    """
    found = name_of_file(given, reading, spectrum.filename)
    spectrum.receipt = {**spectrum.receipt, "named_by": found.by if found else None}
    if found is None:
        return
    spectrum.transient, made = transient_of_name(found.name, spectrum.group, simulated=given.simulated)
    if not made:
        admit(spectrum.transient, spectrum.group)
    if spectrum.group is None:
        state_redshift(spectrum.transient, given.redshift)
        state_coordinates(spectrum.transient, given.ra, given.dec)


def state_coordinates(transient: Transient | None, ra: float | None, dec: float | None) -> None:
    """Store coordinates (degrees) that came with a public spectrum, if its transient has none."""
    if transient is not None and transient.ra is None and ra is not None and dec is not None:
        transient.ra, transient.dec = ra, dec
        transient.save(update_fields=["ra", "dec"])


def state_redshift(transient: Transient | None, redshift: float | None) -> None:
    """Store the redshift that came with a public spectrum, if its transient has none."""
    if transient is not None and transient.redshift is None and redshift is not None:
        transient.redshift, transient.redshift_origin = redshift, "upload"
        transient.save(update_fields=["redshift", "redshift_origin"])


def transient_of_name(name: str, group: Group | None, *, simulated: bool) -> tuple[Transient, bool]:
    """Return the transient that ``known_transient`` finds, else the one that has the name already, or make one.

    Those who use one name at once, in whatever spellings, get one transient.

    Returns the transient, and whether it was made.
    """
    found = known_transient(name, group)
    if found is not None:
        return found, False
    try:
        with transaction.atomic():
            return Transient.objects.create(name=name, group=group, simulated=simulated), True
    except IntegrityError:
        # Somebody made it a moment ago, or it is one that the audience does not know.
        spelt = Transient.objects.filter(key=name_key(name), group=group).exclude(key="")
        return spelt.first() or Transient.objects.get(name=name), False


def known_transient(name: str, group: Group | None) -> Transient | None:
    """Return the transient that an audience knows by this name, or None.

    The exact name comes first, then another spelling of it, then another name of a transient; the oldest one wins.

    group: the audience; None for everybody who is signed in.
    """
    audience = Q(group__isnull=True) | Q(group=group)
    spectra = Spectrum.objects.filter(transient=OuterRef("pk"))
    # A transient without spectra is one that somebody of its audience has just made.
    known = Transient.objects.filter(Q(Exists(spectra.filter(audience))) | (audience & ~Exists(spectra)))
    return known.spelt(name, OtherName.objects.filter(audience))


def _clean_name(name: str | None) -> str:
    # Browsers send a quotation mark in a file's name as %22.
    cleaned = "".join("_" if c == "/" else c for c in (name or "").replace("%22", '"') if c.isprintable()).strip()[:120]
    return "" if cleaned in {".", ".."} else cleaned
