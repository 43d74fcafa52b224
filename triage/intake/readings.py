"""Readings of a stored file: made from its bytes, and put into the record of a spectrum that has its transient."""

from __future__ import annotations

import dataclasses

from classifier.errors import SpectrumError
from classifier.readers import Reading, read_spectrum
from classifier.same_measurement import centre_and_width
from triage.intake.corrections import make_corrections
from triage.intake.duplicates import DuplicateSearch, keep_mark
from triage.intake.given import Given
from triage.intake.outline import outline
from triage.intake.quarantine import UnreadableSpectrumError
from triage.models import Spectrum, SpectrumArrays
from triage.models.arrays import pack


def read_original(spectrum: Spectrum, given: Given) -> Reading:
    """Read the stored bytes of a spectrum's file. Host light is taken off at the known redshift.

    given: statements that hold for this reading.

    Raises UnreadableSpectrumError if the reading fails.
    """
    corrections = make_corrections(given.corrections)
    if corrections.host_light is not None:
        redshift = spectrum.known_redshift if given.redshift is None else given.redshift
        corrections = dataclasses.replace(corrections, host_redshift=redshift)
    content, beside = bytes(spectrum.original.content), spectrum.receipt.get("beside")
    try:
        return read_spectrum(content, spectrum.filename, corrections, beside)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error, spectrum) from error


def put_reading(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    """Save another reading of a stored spectrum, and return it to the backlog. Call this within a transaction.

    The spectrum keeps its transient. The caller rings for the worker and refreshes the queue.
    """
    named_by = spectrum.receipt.get("named_by")
    fill(spectrum, reading, given)
    if spectrum.without_host:
        # Copies of the measurement have their host's light, so only what the whole reading was found to repeat holds.
        keep_mark(spectrum)
    else:
        search = DuplicateSearch([(spectrum, reading.spectrum)])
        search.compare()
        search.mark()
    spectrum.receipt = {**spectrum.receipt, "named_by": named_by}
    spectrum.stated_redshift = given.redshift
    spectrum.reading += 1
    spectrum.current_prediction = None
    spectrum.return_to_backlog()
    spectrum.save()
    SpectrumArrays.objects.filter(spectrum=spectrum).delete()
    arrays_of(spectrum, reading).save(force_insert=True)


def fill(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    """Set what a reading and its sender say about a spectrum, except its samples. The caller saves the record."""
    read = reading.spectrum
    made_for = given.corrections.get("target") if spectrum.pk is None else spectrum.receipt.get("made_for")
    coordinates = spectrum.receipt.get("coordinates")
    stated_date = given.observed_at or (None if spectrum.date_guess else spectrum.observed_at)
    spectrum.receipt, spectrum.corrections = reading.receipt, dict(given.corrections)
    if made_for is not None:
        # The record of one target stays with this target: ``part`` counts records, not targets in the file.
        spectrum.receipt = {**reading.receipt, "made_for": made_for}
    stated_place = coordinates if given.ra is None else [given.ra, given.dec]
    if stated_place is not None:
        spectrum.receipt = {**spectrum.receipt, "coordinates": stated_place}
    if stated_date is not None:
        spectrum.drop_date_guess()
    spectrum.comment = given.comment or spectrum.comment
    spectrum.observed_at = stated_date or read.observed_at
    spectrum.instrument = (given.instrument or spectrum.instrument or read.instrument or "")[:120]
    spectrum.observer = (spectrum.observer or read.observer or "")[:120]
    spectrum.wavelength_min, spectrum.wavelength_max = read.wavelength_range
    spectrum.outline = outline(read.wavelength, read.flux)
    spectrum.centre, spectrum.width = centre_and_width(read.wavelength, read.flux)
    spectrum.discarded = False


def arrays_of(spectrum: Spectrum, reading: Reading) -> SpectrumArrays:
    """Return the samples of a reading as the record of a stored spectrum, not yet saved."""
    read = reading.spectrum
    error = None if read.flux_error is None else pack(read.flux_error)
    return SpectrumArrays(spectrum=spectrum, wavelength=pack(read.wavelength), flux=pack(read.flux), flux_error=error)


def part_of(reading: Reading, spectrum: Spectrum, given: Given) -> Reading:
    """Return the spectrum of a record from a new reading of its file.

    given: statements that held for the reading. If they name a target, the reader returns this target alone.

    Raises SpectrumError("part_missing") if the file has fewer spectra now.
    """
    parts, number = (reading, *reading.others), 0 if "target" in given.corrections else spectrum.part
    if number >= len(parts):
        raise SpectrumError("part_missing", f"read this way, the file has {len(parts)} spectra", reading.receipt)
    return parts[number]
