"""Readings put into records: what a spectrum, its arrays and its transient take from the file and from the sender."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from classifier.errors import SpectrumError
from classifier.readers import Corrections, Reading
from classifier.readers.filename import object_part
from triage import queue_entries
from triage.arrays import pack
from triage.doorbell import ring
from triage.duplicates import mark_likely_duplicate
from triage.errors import InvalidUploadError
from triage.models import OtherName, Spectrum, SpectrumArrays, SpectrumState, Transient
from triage.models.transient import spellings
from triage.outline import outline
from triage.tasks import process_queue


@dataclasses.dataclass(frozen=True)
class Given:
    """What the sender states of a file; None or "" where nothing is. redshift is used to classify; group None makes
    the spectrum visible to every signed-in user. beside: what a table beside the file says of it; as a guess, it may be
    overruled by the file's own header."""

    transient: str = ""
    redshift: float | None = None
    observed_at: datetime | None = None
    instrument: str = ""
    group: Group | None = None
    corrections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    beside: Mapping[str, str] = dataclasses.field(default_factory=dict)
    simulated: bool = False


def state_redshift(transient: Transient | None, given: Given) -> None:
    """Give a transient the redshift that came with a public spectrum, where it has none."""
    if transient is not None and transient.redshift is None and given.redshift is not None:
        transient.redshift, transient.redshift_origin = given.redshift, "upload"
        transient.save(update_fields=["redshift", "redshift_origin"])


def store_reading(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    """Put another reading of a stored spectrum in place of the one before, and queue it; within a transaction."""
    _fill(spectrum, reading, given)
    spectrum.stated_redshift = given.redshift
    spectrum.reading += 1
    spectrum.current_prediction = None
    if spectrum.transient is None:
        spectrum.transient = _transient(spectrum.group, given, reading, spectrum.filename, spectrum.sha256)
    queue_again(spectrum)
    spectrum.save()
    SpectrumArrays.objects.filter(spectrum=spectrum).delete()
    _arrays(spectrum, reading).save(force_insert=True)
    queue_entries.refresh(spectrum.transient_id)


def make_corrections(given: Mapping[str, Any]) -> Corrections:
    """Raises InvalidUploadError for an unknown name or value."""
    try:
        return Corrections(**given)
    except TypeError:
        names = ", ".join(field.name for field in dataclasses.fields(Corrections))
        raise InvalidUploadError(f"corrections may hold {names}") from None
    except SpectrumError as error:
        raise InvalidUploadError(error.message) from error


def ring_doorbell() -> None:
    """Tell the workers that there is work."""
    ring(process_queue)


def store_part(blank: Spectrum, reading: Reading, part: int, given: Given) -> Spectrum:
    """Save one reading of a file as a record of its own, with what ``blank`` says of the file; within a transaction."""
    values = {field.attname: getattr(blank, field.attname) for field in Spectrum._meta.concrete_fields}
    spectrum = Spectrum(**{**values, "id": None, "part": part})
    _fill(spectrum, reading, given)
    spectrum.transient = _transient(spectrum.group, given, reading, spectrum.filename, spectrum.sha256)
    spectrum.save(force_insert=True)
    _arrays(spectrum, reading).save(force_insert=True)
    return spectrum


def _fill(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    read = reading.spectrum
    made_for = given.corrections.get("target") if spectrum.pk is None else spectrum.receipt.get("made_for")
    spectrum.receipt, spectrum.corrections = reading.receipt, dict(given.corrections)
    if made_for is not None:
        # The record of one target of a file stays that; its part counts records, not the file's targets.
        spectrum.receipt = {**reading.receipt, "made_for": made_for}
    spectrum.observed_at = given.observed_at or spectrum.observed_at or read.observed_at
    spectrum.instrument = (given.instrument or spectrum.instrument or read.instrument or "")[:120]
    spectrum.wavelength_min, spectrum.wavelength_max = read.wavelength_range
    spectrum.outline = outline(read.wavelength, read.flux)
    spectrum.discarded = False
    mark_likely_duplicate(spectrum, read)


def queue_again(spectrum: Spectrum) -> None:
    """Let the network classify it, again where it did before; the caller saves."""
    spectrum.state = SpectrumState.QUEUED
    spectrum.failure_code = spectrum.failure_reason = ""
    spectrum.attempts, spectrum.lease_until, spectrum.lease_token = 0, None, ""
    transaction.on_commit(ring_doorbell)


def _transient(group: Group | None, given: Given, reading: Reading, filename: str, sha256: str) -> Transient:
    """The transient by the name given, else the file's object, else what the file's name says of it, in an archive the
    member's; made where it does not exist.

    A redshift sent with a private spectrum stays with the spectrum, for others may see the transient."""
    stem = _clean_name(object_part(Path(reading.receipt.get("member") or filename).stem))
    name = given.transient or _clean_name(reading.spectrum.object_name) or stem or f"unnamed-{sha256[:8]}"
    transient = transient_of_name(name, group, simulated=given.simulated)
    if group is None:
        state_redshift(transient, given)
    return transient


def transient_of_name(name: str, group: Group | None, *, simulated: bool) -> Transient:
    """The known_transient, made where there is none."""
    found = known_transient(name, group)
    return found or Transient.objects.get_or_create(name=name, defaults={"simulated": simulated})[0]


def known_transient(name: str, group: Group | None) -> Transient | None:
    """The transient of this name, else the oldest of the same designation, else the oldest that is called so beside;
    of these two only what the audience knows of: nobody learns of a private one by asking for another name."""
    transients, audience = Transient.objects.all(), Q(group__isnull=True) | Q(group=group)
    found: Transient | None = transients.filter(name=name).first()
    if found is not None:
        return found
    known = transients.filter(Exists(Spectrum.objects.filter(audience, transient=OuterRef("pk")))).order_by("pk")
    if others := spellings(name):
        found = known.filter(name__in=others).first()
    if found is None:
        so_called = OtherName.objects.filter(audience, name__in=[name, *others])
        found = known.filter(pk__in=so_called.values("transient")).first()
    return found


def _clean_name(name: str | None) -> str:
    # Browsers send a quotation mark in a file's name as %22.
    cleaned = "".join("_" if c == "/" else c for c in (name or "").replace("%22", '"') if c.isprintable()).strip()[:120]
    return "" if cleaned in {".", ".."} else cleaned


def _arrays(spectrum: Spectrum, reading: Reading) -> SpectrumArrays:
    read = reading.spectrum
    error = None if read.flux_error is None else pack(read.flux_error)
    return SpectrumArrays(spectrum=spectrum, wavelength=pack(read.wavelength), flux=pack(read.flux), flux_error=error)


def part_of(reading: Reading, part: int) -> Reading:
    """The spectrum at a place of its file. Raises SpectrumError("part_missing")."""
    parts = (reading, *reading.others)
    if part >= len(parts):
        raise SpectrumError("part_missing", f"read this way, the file has {len(parts)} spectra", reading.receipt)
    return parts[part]
