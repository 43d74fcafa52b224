"""Records of readings: stores readings as spectra with arrays and, if they have names, transients."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User

from classifier.errors import SpectrumError
from classifier.readers import Reading
from classifier.same_measurement import centre_and_width
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.intake.duplicates import are_near, mark_likely_duplicates
from triage.intake.given import Given
from triage.intake.naming import ReadPart, name_spectra
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
    mark_likely_duplicates([(spectrum, reading.spectrum)])
    spectrum.stated_redshift = given.redshift
    spectrum.reading += 1
    spectrum.current_prediction = None
    if first_time or (given.transient and spectrum.transient is None):
        name_spectra([ReadPart(spectrum, reading, given)])
    else:
        spectrum.receipt = {**spectrum.receipt, "named_by": named_by}
    spectrum.return_to_backlog()
    ring_after_commit(PROCESS_BACKLOG)
    spectrum.save()
    SpectrumArrays.objects.filter(spectrum=spectrum).delete()
    _arrays(spectrum, reading).save(force_insert=True)
    entries.refresh(spectrum.transient_id)


def blank(known: Spectrum, part: int, given: Given, user: User | None) -> Spectrum:
    """Return an unsaved spectrum of the same file as a known one, without a reading.

    part: number of the spectrum within the file, from 0.
    given: statements about the new spectrum.
    user: whose upload it is.
    """
    return Spectrum(
        group=known.group,
        uploaded_by=user,
        original=known.original,
        sha256=known.sha256,
        filename=known.filename,
        part=part,
        simulated=known.simulated,
        stated_redshift=given.redshift,
    )


def store_parts(parts: Sequence[ReadPart]) -> None:
    """Store new spectra with their arrays, and give them their transients. Call this within a transaction.

    parts: spectra of one audience, not saved yet, without a reading.

    Raises what ``name_spectra`` raises.
    """
    if not parts:
        return
    for part in parts:
        _fill(part.spectrum, part.reading, part.given)
    name_spectra(parts)
    waiting = list(parts)
    while waiting:
        # A spectrum that may duplicate an earlier one is stored after it.
        now: list[ReadPart] = []
        later: list[ReadPart] = []
        for part in waiting:
            near = any(are_near(part.spectrum, other.spectrum) for other in (*now, *later))
            (later if near else now).append(part)
        mark_likely_duplicates([(part.spectrum, part.reading.spectrum) for part in now])
        Spectrum.objects.bulk_create([part.spectrum for part in now])
        SpectrumArrays.objects.bulk_create([_arrays(part.spectrum, part.reading) for part in now])
        waiting = later


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
    spectrum.centre, spectrum.width = centre_and_width(read.wavelength, read.flux)
    spectrum.discarded = False


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
