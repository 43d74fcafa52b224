"""The transient that a spectrum belongs to: found by its names, or made."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q

from classifier.readers import Reading
from classifier.readers.filename import object_from_stem
from triage.intake.given import Given
from triage.models import OtherName, Spectrum, Transient


def state_redshift(transient: Transient | None, given: Given) -> None:
    """Store the redshift that came with a public spectrum, if its transient has none."""
    if transient is not None and transient.redshift is None and given.redshift is not None:
        transient.redshift, transient.redshift_origin = given.redshift, "upload"
        transient.save(update_fields=["redshift", "redshift_origin"])


def transient_of_file(group: Group | None, given: Given, reading: Reading, filename: str, sha256: str) -> Transient:
    """Return the transient of a file, making it if it does not exist.

    Its name is the stated one, else the object in the file's header, else the object in the file's name (or in the name
    of the archive's member). A public file's stated redshift is stored with the transient. A private one stays with the
    spectrum, because others may see the transient.

    group: the spectrum's audience; None for everybody who is signed in.
    sha256: hash of the file, for a name where nothing else gives one.
    """
    stem = _clean_name(object_from_stem(Path(reading.receipt.get("member") or filename).stem))
    name = given.transient or _clean_name(reading.spectrum.object_name) or stem or f"unnamed-{sha256[:8]}"
    transient = transient_of_name(name, group, simulated=given.simulated)
    if group is None:
        state_redshift(transient, given)
    return transient


def transient_of_name(name: str, group: Group | None, *, simulated: bool) -> Transient:
    """Return the transient that ``known_transient`` finds, or make one."""
    found = known_transient(name, group)
    return found or Transient.objects.get_or_create(name=name, defaults={"simulated": simulated})[0]


def known_transient(name: str, group: Group | None) -> Transient | None:
    """Return the transient of this name, or None.

    The exact name comes first, then another spelling of it, then another name of a transient; the oldest one wins. By
    the last two, only transients that the audience may see are found, so that nobody learns of a private transient by
    guessing its names.

    group: the audience; None for everybody who is signed in.
    """
    transients, audience = Transient.objects.all(), Q(group__isnull=True) | Q(group=group)
    found: Transient | None = transients.filter(name=name).first()
    if found is not None:
        return found
    known = transients.filter(Exists(Spectrum.objects.filter(audience, transient=OuterRef("pk"))))
    return known.spelt(name, OtherName.objects.filter(audience))


def _clean_name(name: str | None) -> str:
    # Browsers send a quotation mark in a file's name as %22.
    cleaned = "".join("_" if c == "/" else c for c in (name or "").replace("%22", '"') if c.isprintable()).strip()[:120]
    return "" if cleaned in {".", ".."} else cleaned
