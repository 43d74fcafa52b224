"""Spectra that the network classifies once more."""

from __future__ import annotations

from django.db import transaction

from classifier.errors import SpectrumError
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.intake.given import Given
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.readings import part_of, put_reading, read_original
from triage.models import Spectrum, SpectrumState
from triage.models.spectrum import SpectrumQuerySet
from triage.queue import entries


def classify_again(spectra: SpectrumQuerySet) -> int:
    """Return spectra to the backlog because their known redshift has changed; return their number.

    A worker that classifies one of them with the old redshift at this moment drops its answer. A spectrum from which
    host light was taken off is read again, because the host has the new redshift.

    Raises UnreadableSpectrumError if such a reading fails.
    """
    waiting = spectra.filter(state__in=(SpectrumState.CLASSIFIED, SpectrumState.QUEUED))
    with transaction.atomic():
        hosted = waiting.filter(corrections__has_key="host_light").order_by("pk")
        for spectrum in hosted.select_for_update(of=("self",)).select_related("transient"):
            _take_host_anew(spectrum)
        count = waiting.return_to_backlog()
        if count:
            ring_after_commit(PROCESS_BACKLOG)
    return count


def _take_host_anew(spectrum: Spectrum) -> None:
    """Read a spectrum again with the corrections that it has. Where no host can be taken off, its receipt says so."""
    given = Given(redshift=spectrum.stated_redshift, corrections=spectrum.corrections)
    try:
        reading = part_of(read_original(spectrum, given), spectrum, given)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error, spectrum) from error
    put_reading(spectrum, reading, given)
    entries.refresh(spectrum.transient_id)
