"""New files: each is read, and then stored with its spectra."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence

from django.contrib.auth.models import User
from django.db import transaction

from classifier.errors import SpectrumError
from classifier.readers import read_spectra
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.intake.archives import DescribedReading, describe
from triage.intake.corrections import make_corrections
from triage.intake.duplicates import DuplicateSearch
from triage.intake.given import Given, SentFile
from triage.intake.naming import ReadPart
from triage.intake.records import blank, prepare_parts, store_parts
from triage.models import Original, Spectrum, SpectrumState
from triage.operations import logs

log = logging.getLogger(__name__)

# So many pairs of spectra may be compared within a transaction, in about 50 ms.
FEW = 500


@dataclasses.dataclass(frozen=True)
class ReadFile:
    """A file that was read, or could not be.

    sent: the file.
    parts: its spectra, none if it could not be read.
    failure: why it could not be read, or None.
    """

    sent: SentFile
    parts: Sequence[DescribedReading] = ()
    failure: SpectrumError | None = None


def read_file(sent: SentFile) -> ReadFile:
    """Read a file. Raises what ``describe`` raises."""
    corrections = make_corrections(sent.given.corrections)
    try:
        readings = read_spectra(sent.content, sent.base_name, corrections, sent.given.beside)
    except SpectrumError as error:
        return ReadFile(sent, failure=error)
    return ReadFile(sent, describe(sent.content, readings, sent.given))


def store_files(user: User, files: Sequence[ReadFile]) -> dict[str, list[Spectrum]]:
    """Store new files with their spectra in one transaction, and return the records by SHA-256, each list by part.

    A file that could not be read gets one record, in quarantine.

    files: files of one audience.

    Raises IntegrityError if somebody else stored one of them, or made one of their transients, a moment ago, and
    BoundSpectrumError if one of them may not be stored with its transient.
    """
    spectra = {file.sent.sha256: _blanks(user, file) for file in files}
    parts = [part for file in files for part in _read_parts(file, spectra[file.sent.sha256])]
    duplicates = prepare_parts(parts)
    for last in (False, False, True):
        with transaction.atomic():
            # Others may have stored many spectra while this waited for them. Now they wait.
            if last or duplicates.left() <= FEW:
                duplicates.compare()
                _store(files, spectra, parts, duplicates)
                break
        duplicates.compare()
    for part in parts:
        with logs.about(spectrum=part.spectrum.pk):
            log.info("stored and queued")
    return spectra


def _store(
    files: Sequence[ReadFile],
    spectra: Mapping[str, list[Spectrum]],
    parts: Sequence[ReadPart],
    duplicates: DuplicateSearch,
) -> None:
    """Store originals and records. Call this within a transaction.

    Everybody locks in one order: first originals by their hash, then known transients by their id, then new ones by
    their key.
    """
    originals = Original.objects.keep({file.sent.sha256: file.sent.content for file in files})
    for sha256, records in spectra.items():
        for spectrum in records:
            spectrum.original = originals[sha256]
    Spectrum.objects.bulk_create(spectra[file.sent.sha256][0] for file in files if file.failure is not None)
    store_parts(parts, duplicates)
    if parts:
        ring_after_commit(PROCESS_BACKLOG)


def _blanks(user: User, file: ReadFile) -> list[Spectrum]:
    """Return the unsaved spectra of a file without their readings, or one in quarantine if it could not be read."""
    number, given = (file.parts[0].number, file.parts[0].given) if file.parts else (0, file.sent.given)
    first = Spectrum(
        group=given.group,
        uploaded_by=user,
        sha256=file.sent.sha256,
        filename=file.sent.base_name,
        part=number,
        simulated=given.simulated,
        stated_redshift=given.redshift,
    )
    if file.failure is not None:
        _put_into_quarantine(first, file.failure, file.sent.given)
    return [first, *(blank(first, part.number, part.given, user) for part in file.parts[1:])]


def _read_parts(file: ReadFile, spectra: Sequence[Spectrum]) -> list[ReadPart]:
    """Return the readings of a file with their records; none if it could not be read."""
    described = zip(spectra, file.parts, strict=file.failure is None)
    return [ReadPart(spectrum, part.reading, part.given) for spectrum, part in described]


def _put_into_quarantine(spectrum: Spectrum, failure: SpectrumError, given: Given) -> None:
    spectrum.state = SpectrumState.QUARANTINED
    spectrum.failure_code, spectrum.failure_reason = failure.code, failure.message
    spectrum.receipt, spectrum.corrections = dict(failure.receipt), dict(given.corrections)
    if given.transient:
        # A spectrum gets its transient when it is read; triage.intake.reread uses the name then.
        spectrum.receipt["transient"] = given.transient
    if given.ra is not None:
        spectrum.receipt["coordinates"] = [given.ra, given.dec]
    spectrum.comment = given.comment
    spectrum.observed_at, spectrum.instrument = given.observed_at, given.instrument[:120]
    if given.observed_at is not None:
        spectrum.drop_date_guess()
