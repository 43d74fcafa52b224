"""Uploads: what came of files that were sent together, so that it can be looked up later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User

from classifier.input_files import Manifest
from triage.errors import NotFoundError, TriageError
from triage.intake.archives import PARTLY_USED
from triage.intake.given import shown_name
from triage.intake.manifest import unmatched
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.submit import Outcome, Submission
from triage.models import Upload, UploadEntry
from triage.models.upload import ROWS_WITHOUT_FILE


def upload_of(user: User, upload_id: int) -> Upload:
    """Return an upload of the user's. Raises NotFoundError if they have none with this id."""
    upload = Upload.objects.filter(user=user, pk=upload_id).first()
    if upload is None:
        raise NotFoundError("you have no such upload")
    return upload


def note(upload: Upload, filename: str, outcome: Outcome) -> None:
    """Add a file to an upload: its spectra, or why it was refused. A database that did not answer is not noted."""
    if isinstance(outcome, Submission):
        _note_spectra(upload, filename, outcome)
    elif isinstance(outcome, TriageError):
        note_refusal(upload, filename, outcome)


def _note_spectra(upload: Upload, filename: str, submission: Submission) -> None:
    facts = {"notes": list(submission.notes), "differences": dict(submission.differences)}
    first = UploadEntry(spectrum=submission.spectrum, **facts)
    entries = [first, *(UploadEntry(spectrum=other) for other in submission.others)]
    for entry in entries:
        entry.upload, entry.filename, entry.known = upload, shown_name(filename), not submission.created
    UploadEntry.objects.bulk_create(entries)
    # What an archive's manifest left open concerns the whole archive, although its first receipt keeps it.
    warnings = submission.spectrum.receipt.get("warnings", ())
    if said := [warning["message"] for warning in warnings if warning["code"] == PARTLY_USED]:
        _note_once(upload, filename=shown_name(filename), code=ROWS_WITHOUT_FILE, detail="; ".join(said))


@contextmanager
def refusals_noted(upload: Upload | None, filename: str) -> Iterator[None]:
    """Add the file to an upload if the code within refuses it, and let the error pass on.

    upload: the upload, or None to note nothing.
    """
    try:
        yield
    except TriageError as error:
        if upload is not None:
            note_refusal(upload, filename, error)
        raise


def note_unmatched(upload: Upload, manifest: Manifest, names: Iterable[str]) -> None:
    """Add a remark to an upload, once, if its manifest and its files do not match.

    names: names of the files.
    """
    if said := unmatched(manifest, names):
        _note_once(upload, filename=manifest.name[:255], code=ROWS_WITHOUT_FILE, detail=said)


def note_refusal(upload: Upload, filename: str, error: TriageError) -> None:
    """Add a file that was refused to an upload. A manifest, which is sent with each file, is added once."""
    spectrum = error.spectrum if isinstance(error, UnreadableSpectrumError) else None
    name = shown_name(filename)
    _note_once(upload, filename=name, spectrum=spectrum, code=error.code[:60], detail=error.detail)


def _note_once(upload: Upload, **said: Any) -> None:
    if not upload.entries.filter(**said).exists():
        UploadEntry.objects.create(upload=upload, **said)
