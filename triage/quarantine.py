"""What could not be read or classified: put aside, or taken up again. Acts are recorded; the bytes are always kept."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import BinaryField
from django.db.models.functions import Substr

from triage.errors import InvalidActionError
from triage.models import ActKind, Original, Spectrum, SpectrumAct, SpectrumState

STATES = (SpectrumState.QUARANTINED, SpectrumState.FAILED)
LINES, LONGEST_LINE = 12, 160


def discard(user: User, spectrum: Spectrum) -> Spectrum:
    """Put a file aside that is not worth mending. Raises InvalidActionError for one that was read and classified."""
    return _act(user, spectrum, ActKind.DISCARDED)


def restore(user: User, spectrum: Spectrum) -> Spectrum:
    """Take a discarded file up again. Raises InvalidActionError for one that is not discarded."""
    return _act(user, spectrum, ActKind.RESTORED)


def first_lines(spectrum: Spectrum) -> list[str]:
    """How the file begins, of which only so much is fetched; none of one that is no text."""
    start = Substr("content", 1, 2 * LINES * LONGEST_LINE, output_field=BinaryField())
    found = Original.objects.filter(pk=spectrum.original_id).annotate(start=start).values_list("start", flat=True)
    content = bytes(found.first() or b"")
    if content.startswith(b"SIMPLE  =") or any(byte < 9 or 13 < byte < 32 for byte in content):
        return []
    # Its last character may be cut in two.
    return [line[:LONGEST_LINE] for line in content.decode("utf-8", "replace").splitlines()[:LINES]]


def _act(user: User, spectrum: Spectrum, kind: ActKind) -> Spectrum:
    wanted = kind == ActKind.DISCARDED
    with transaction.atomic():
        spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
        if spectrum.state not in STATES:
            raise InvalidActionError("only what could not be read or classified can be discarded or restored")
        if spectrum.discarded == wanted:
            raise InvalidActionError(f"the file is {'' if wanted else 'not '}discarded")
        spectrum.discarded = wanted
        spectrum.save(update_fields=["discarded"])
        SpectrumAct.objects.create(spectrum=spectrum, user=user, kind=kind)
    return spectrum
