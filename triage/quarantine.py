"""What could not be read or classified: put aside, or taken up again. Acts are recorded; the bytes are always kept."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from triage.errors import InvalidActionError
from triage.models import ActKind, Spectrum, SpectrumAct, SpectrumState

STATES = (SpectrumState.QUARANTINED, SpectrumState.FAILED)


def discard(user: User, spectrum: Spectrum) -> Spectrum:
    """Put a file aside that is not worth mending. Raises InvalidActionError for one that was read and classified."""
    return _act(user, spectrum, ActKind.DISCARDED)


def restore(user: User, spectrum: Spectrum) -> Spectrum:
    """Take a discarded file up again. Raises InvalidActionError for one that is not discarded."""
    return _act(user, spectrum, ActKind.RESTORED)


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
