"""Submission of files: they are read, stored with their original bytes, and put into the backlog."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, InterfaceError, OperationalError

from classifier.errors import SpectrumError
from classifier.input_files import Manifest
from triage.errors import InvalidManifestRowError, InvalidUploadError, NotFoundError, TooLargeError, TriageError
from triage.intake.given import Given, SentFile
from triage.intake.known import add_what_is_new, choose_record, differences, other_parts, records_of_files
from triage.intake.move import move
from triage.intake.new_files import ReadFile, read_file, store_files
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.reread import read_again, read_another_target
from triage.intake.statements import check_statements, statements
from triage.models import Spectrum, SpectrumState

__all__ = [
    "Given",
    "Outcome",
    "SentFile",
    "Submission",
    "in_chunks",
    "submit_described",
    "submit_files",
    "submit_spectrum",
    "taken",
]

log = logging.getLogger(__name__)

# Files that are stored in one transaction. A large file is stored alone.
CHUNK_FILES, CHUNK_BYTES = 32, 4 << 20
# Somebody else may store the same file, or make the same transient, at the same time. The next try finds it.
TRIES = 4

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Submission:
    """Result of a submission.

    spectrum: record of the file's first spectrum.
    created: whether the file is new; False if the same bytes were sent before.
    others: records of the file's other spectra, if it holds several.
    notes: what became of new statements about a known file, in words.
    differences: facts that were sent now and differ from the record of a known file: stored and sent value by name.
    """

    spectrum: Spectrum
    created: bool
    others: Sequence[Spectrum] = ()
    notes: tuple[str, ...] = ()
    differences: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)


# Errors that concern one file: those that the desk itself raises, and those of a database that does not answer.
OWN_ERRORS = (TriageError, OperationalError, InterfaceError)
# Result of a file: its submission, or the reason why it was not taken in.
Outcome = Submission | TriageError | OperationalError | InterfaceError


def submit_spectrum(user: User, content: bytes, filename: str, given: Given | None = None) -> Submission:
    """Take in one file. If the same bytes were sent before for the same audience, the first record is returned.

    content: the file's bytes.
    filename: its name.
    given: statements of the sender, or None for none.

    Raises InvalidUploadError or TooLargeError, and then stores nothing. Raises UnreadableSpectrumError, and then the
    file is in quarantine. Raises NotFoundError if the record is deleted meanwhile.
    """
    return taken(submit_files(user, [SentFile(content, filename, given or Given())])[0])


def taken(outcome: Outcome) -> Submission:
    """Return a submission. Raises the error if the file was not taken in."""
    if isinstance(outcome, Submission):
        return outcome
    raise outcome


def in_chunks(items: Iterable[tuple[Item, int]]) -> Iterator[list[Item]]:
    """Divide files into chunks of at most CHUNK_FILES files and CHUNK_BYTES bytes; a larger file comes alone.

    items: files in any form, each with its size in bytes.
    """
    chunk: list[Item] = []
    held = 0
    for item, size in items:
        if chunk and (len(chunk) == CHUNK_FILES or held + size > CHUNK_BYTES):
            yield chunk
            chunk, held = [], 0
        chunk.append(item)
        held += size
    if chunk:
        yield chunk


def submit_files(user: User, files: Sequence[SentFile]) -> list[Outcome]:
    """Take in files and return what came of each, in their order. New files are stored in one transaction.

    If that transaction fails, each file is stored alone, so that one file costs the others nothing. What
    ``submit_spectrum`` raises for a file is its outcome here; so is the error of a database that does not answer.

    files: files of one audience, few enough to be held in memory (see ``in_chunks``).
    """
    if not files:
        return []
    group = files[0].given.group
    member = group is None or user.groups.filter(pk=group.pk).exists()
    refusals = [_refusal(file, member=member) for file in files]
    records = records_of_files({file.sha256 for file in files}, group)
    new: dict[str, SentFile] = {}
    for file, refusal in zip(files, refusals, strict=True):
        if refusal is None and choose_record(records[file.sha256], file.given) is None:
            new.setdefault(file.sha256, file)
    stored = _store(user, list(new.values()))
    outcomes: list[Outcome] = []
    for file, refusal in zip(files, refusals, strict=True):
        outcome = refusal or (stored[file.sha256] if file is new.get(file.sha256) else None)
        outcomes.append(outcome or _outcome_of_known(user, file))
    return outcomes


def submit_described(
    user: User, files: Sequence[UploadedFile[Any]], manifest: Manifest | None, given: Given
) -> list[Outcome]:
    """Take in uploaded files and return what came of each, in their order. A bad row refuses its own file alone.

    manifest: table whose row for a file counts first, or None.
    given: statements about all files.
    """
    sent: list[SentFile | InvalidManifestRowError] = []
    for file in files:
        name = file.name or ""
        try:
            stated = statements(manifest.row_of_name(name) if manifest else None, given)
            sent.append(SentFile.read(file, name, stated))
        except InvalidManifestRowError as error:
            sent.append(error)
    outcomes = iter(submit_files(user, [file for file in sent if isinstance(file, SentFile)]))
    return [next(outcomes) if isinstance(file, SentFile) else file for file in sent]


def _store(user: User, files: Sequence[SentFile]) -> dict[str, Outcome | None]:
    """Read and store new files; return by SHA-256 what ``_store_alone`` returns for each."""
    outcomes: dict[str, Outcome | None] = {}
    read: list[ReadFile] = []
    for file in files:
        try:
            read.append(read_file(file))
        except TriageError as error:
            outcomes[file.sha256] = error
    if len(read) > 1:
        try:
            stored = store_files(user, read)
            return outcomes | {sha256: _outcome_of_new(spectra) for sha256, spectra in stored.items()}
        except Exception as error:
            # Whatever one file does to the others, each that can be stored alone is stored.
            log.warning("%d files could not be stored together (%s); trying one by one", len(read), error)
    return outcomes | {file.sent.sha256: _store_alone(user, file) for file in read}


def _store_alone(user: User, read: ReadFile) -> Outcome | None:
    """Store one new file; return what came of it, or None if somebody else stored the same bytes meanwhile."""
    for _ in range(TRIES):
        try:
            return _outcome_of_new(store_files(user, [read])[read.sent.sha256])
        except IntegrityError:
            if _known(read.sent) is not None:
                return None
        except OWN_ERRORS as error:
            return error
    return None


def _outcome_of_new(spectra: Sequence[Spectrum]) -> Outcome:
    first, *others = spectra
    return _unreadable(first) if first.state == SpectrumState.QUARANTINED else Submission(first, True, others)


def _outcome_of_known(user: User, file: SentFile) -> Outcome:
    try:
        return _submit_known(user, file)
    except Spectrum.DoesNotExist:
        return NotFoundError("the record of this file was deleted meanwhile; send it again")
    except OWN_ERRORS as error:
        return error


def _submit_known(user: User, file: SentFile) -> Submission:
    """Return the record of a file that was sent before, with what is new about it.

    Raises UnreadableSpectrumError if it is in quarantine, and NotFoundError if the record is deleted meanwhile.
    """
    given, spectrum = file.given, _known(file)
    if spectrum is None:
        raise NotFoundError("the record of this file vanished while it was stored; send it again")
    if spectrum.state == SpectrumState.QUARANTINED:
        if not given.corrections:
            raise _unreadable(spectrum)
        spectrum = read_again(user, spectrum, given.corrections, given)
        return Submission(spectrum, True, other_parts(spectrum))
    if target := given.corrections.get("target"):
        spectrum, made = read_another_target(user, spectrum, target, given)
        return Submission(spectrum, made, other_parts(spectrum))
    notes = add_what_is_new(user, spectrum, given)
    own = spectrum.group_id == (given.group.pk if given.group else None)
    if given.transient and spectrum.transient_id is None and own:
        spectrum = move(user, spectrum, given.transient)
        notes = (*notes, f"the name is new: the spectrum belongs to {spectrum.transient} now")
    return Submission(spectrum, False, other_parts(spectrum), notes, differences(spectrum, given))


def _known(file: SentFile) -> Spectrum | None:
    records = records_of_files({file.sha256}, file.given.group)
    return choose_record(records[file.sha256], file.given)


def _unreadable(spectrum: Spectrum) -> UnreadableSpectrumError:
    failure = SpectrumError(spectrum.failure_code, spectrum.failure_reason, spectrum.receipt)
    return UnreadableSpectrumError(failure, spectrum)


def _refusal(file: SentFile, *, member: bool) -> TriageError | None:
    """Return why a file is refused before it is read, or None.

    member: whether its sender belongs to its audience.
    """
    if not member:
        return InvalidUploadError("you are not a member of that group")
    try:
        _check(file)
    except TriageError as error:
        return error
    return None


def _check(file: SentFile) -> None:
    given = file.given
    if not file.content:
        raise InvalidUploadError("the file is empty")
    if len(file.content) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    check_statements(given)
