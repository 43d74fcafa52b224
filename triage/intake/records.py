"""Records of readings: stores a reading as a spectrum with arrays and, if it has a name, a transient."""

from __future__ import annotations

from classifier.errors import SpectrumError
from classifier.readers import Reading
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.intake.duplicates import mark_likely_duplicate
from triage.intake.given import Given
from triage.intake.naming import name_spectrum
from triage.intake.outline import outline
from triage.models import Spectrum, SpectrumArrays, SpectrumState
from triage.models.arrays import pack
from triage.queue import entries


def store_reading(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    """Replace the reading of a stored spectrum and return it to the backlog. Call this within a transaction.

    given: statements of the sender that hold from now on.

    A file that could not be read before gets its name now. Later readings leave the name to people, so that a guess
    that somebody refused does not come back.
    """
    first_time, named_by = spectrum.state == SpectrumState.QUARANTINED, spectrum.receipt.get("named_by")
    _fill(spectrum, reading, given)
    spectrum.stated_redshift = given.redshift
    spectrum.reading += 1
    spectrum.current_prediction = None
    if first_time or (given.transient and spectrum.transient is None):
        name_spectrum(spectrum, given, reading)
    else:
        spectrum.receipt = {**spectrum.receipt, "named_by": named_by}
    spectrum.return_to_backlog()
    ring_after_commit(PROCESS_BACKLOG)
    spectrum.save()
    SpectrumArrays.objects.filter(spectrum=spectrum).delete()
    _arrays(spectrum, reading).save(force_insert=True)
    entries.refresh(spectrum.transient_id)


def store_part(blank: Spectrum, reading: Reading, part: int, given: Given) -> Spectrum:
    """Store one reading of a file as a new spectrum, and return it. Call this within a transaction.

    blank: unsaved spectrum with the columns that all spectra of the file share.
    part: number of the spectrum within the file, from 0.
    """
    values = {field.attname: getattr(blank, field.attname) for field in Spectrum._meta.concrete_fields}
    spectrum = Spectrum(**{**values, "id": None, "part": part}, group=blank.group)
    _fill(spectrum, reading, given)
    name_spectrum(spectrum, given, reading)
    spectrum.save(force_insert=True)
    _arrays(spectrum, reading).save(force_insert=True)
    return spectrum


def _fill(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    read = reading.spectrum
    made_for = given.corrections.get("target") if spectrum.pk is None else spectrum.receipt.get("made_for")
    coordinates = spectrum.receipt.get("coordinates")
    spectrum.receipt, spectrum.corrections = reading.receipt, dict(given.corrections)
    if made_for is not None:
        # The record of one target stays with this target: ``part`` counts records, not targets in the file.
        spectrum.receipt = {**reading.receipt, "made_for": made_for}
    stated_place = coordinates if given.ra is None else [given.ra, given.dec]
    if stated_place is not None:
        spectrum.receipt = {**spectrum.receipt, "coordinates": stated_place}
    spectrum.comment = given.comment or spectrum.comment
    spectrum.observed_at = given.observed_at or spectrum.observed_at or read.observed_at
    spectrum.instrument = (given.instrument or spectrum.instrument or read.instrument or "")[:120]
    spectrum.observer = (spectrum.observer or read.observer or "")[:120]
    spectrum.wavelength_min, spectrum.wavelength_max = read.wavelength_range
    spectrum.outline = outline(read.wavelength, read.flux)
    spectrum.discarded = False
    mark_likely_duplicate(spectrum, read)


def _arrays(spectrum: Spectrum, reading: Reading) -> SpectrumArrays:
    read = reading.spectrum
    error = None if read.flux_error is None else pack(read.flux_error)
    return SpectrumArrays(spectrum=spectrum, wavelength=pack(read.wavelength), flux=pack(read.flux), flux_error=error)


def part_of(reading: Reading, part: int) -> Reading:
    """Return a file's spectrum by its number from 0. Raises SpectrumError("part_missing") if there are fewer."""
    parts = (reading, *reading.others)
    if part >= len(parts):
        raise SpectrumError("part_missing", f"read this way, the file has {len(parts)} spectra", reading.receipt)
    return parts[part]
