"""Records of readings: stores readings as spectra with arrays and, if they have names, transients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.contrib.auth.models import User

from classifier.readers import Reading
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.intake.duplicates import DuplicateSearch
from triage.intake.given import Given
from triage.intake.naming import ReadPart, name_spectra
from triage.intake.readings import arrays_of, fill, put_reading
from triage.models import Spectrum, SpectrumArrays, SpectrumState
from triage.queue import entries


def store_reading(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    """Replace the reading of a stored spectrum and return it to the backlog. Call this within a transaction.

    given: statements of the sender that hold from now on.

    A file that could not be read before gets its name now. Later readings leave the name to people, so that a guess
    that somebody refused does not come back.
    """
    first_time = spectrum.state == SpectrumState.QUARANTINED
    put_reading(spectrum, reading, given)
    if first_time or (given.transient and spectrum.transient is None):
        name_spectra([ReadPart(spectrum, reading, given, spectrum.likely_duplicate_of)])
        spectrum.save(update_fields=["transient", "receipt"])
    ring_after_commit(PROCESS_BACKLOG)
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
        original_id=known.original_id,
        sha256=known.sha256,
        filename=known.filename,
        part=part,
        simulated=known.simulated,
        stated_redshift=given.redshift,
    )


def prepare_parts(parts: Sequence[ReadPart]) -> DuplicateSearch:
    """Fill new records from their readings, and compare them with what is stored. This may take seconds.

    parts: spectra of one audience, not saved yet, without a reading.
    """
    for part in parts:
        fill(part.spectrum, part.reading, part.given)
    search = DuplicateSearch([(part.spectrum, part.reading.spectrum) for part in parts])
    search.compare()
    return search


def store_parts(parts: Sequence[ReadPart], duplicates: DuplicateSearch) -> None:
    """Store new spectra with their arrays, and give them their transients. Call this within a transaction.

    duplicates: what ``prepare_parts`` returned for these parts.

    Raises what ``name_spectra`` raises.
    """
    if not parts:
        return
    originals = duplicates.originals()
    name_spectra([replace(part, original=one) for part, one in zip(parts, originals, strict=True)])
    Spectrum.objects.bulk_create([part.spectrum for part in parts])
    SpectrumArrays.objects.bulk_create([arrays_of(part.spectrum, part.reading) for part in parts])
    Spectrum.objects.bulk_update(duplicates.mark(), ["likely_duplicate_of", "receipt"])
