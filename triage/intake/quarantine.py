"""Quarantine: files that could not be read, classified or named, and spectra that were discarded.

No bytes are deleted.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import BinaryField
from django.db.models.functions import Substr

from classifier.errors import SpectrumError
from triage.errors import InvalidActionError, TriageError
from triage.models import ActKind, Original, Spectrum, SpectrumAct, SpectrumState

STATES = (SpectrumState.QUARANTINED, SpectrumState.FAILED)
LINES, LONGEST_LINE = 12, 160


class UnreadableSpectrumError(TriageError):
    """A file that could not be read. Its bytes are kept, and ``spectrum`` is its record.

    code, detail: the reader's reason.
    receipt: what the reader found before it gave up.
    """

    def __init__(self, failure: SpectrumError, spectrum: Spectrum) -> None:
        super().__init__(failure.message)
        self.code = failure.code
        self.receipt = failure.receipt
        self.spectrum = spectrum


def discard(user: User, spectrum: Spectrum) -> Spectrum:
    """Discard a file that is not worth mending. Raises InvalidActionError if it was classified and has a name."""
    return _act(user, spectrum, ActKind.DISCARDED)


def restore(user: User, spectrum: Spectrum) -> Spectrum:
    """Restore a discarded file. Raises InvalidActionError if it is not discarded."""
    return _act(user, spectrum, ActKind.RESTORED)


def first_lines(spectrum: Spectrum) -> list[str]:
    """Return the first lines of a text file, or an empty list if it is binary. Only the file's beginning is fetched."""
    start = Substr("content", 1, 2 * LINES * LONGEST_LINE, output_field=BinaryField())
    found = Original.objects.filter(pk=spectrum.original_id).annotate(start=start).values_list("start", flat=True)
    content = bytes(found.first() or b"")
    if content.startswith(b"SIMPLE  =") or any(byte < 9 or 13 < byte < 32 for byte in content):
        return []
    # The last character may be cut in two.
    return [line[:LONGEST_LINE] for line in content.decode("utf-8", "replace").splitlines()[:LINES]]


def _act(user: User, spectrum: Spectrum, kind: ActKind) -> Spectrum:
    wanted = kind == ActKind.DISCARDED
    with transaction.atomic():
        spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
        if spectrum.state not in STATES and spectrum.transient_id is not None:
            raise InvalidActionError("only what could not be read, classified or named can be discarded or restored")
        if spectrum.discarded == wanted:
            raise InvalidActionError(f"the file is {'' if wanted else 'not '}discarded")
        spectrum.discarded = wanted
        spectrum.save(update_fields=["discarded"])
        SpectrumAct.objects.create(spectrum=spectrum, group=spectrum.group, user=user, kind=kind)
    return spectrum
