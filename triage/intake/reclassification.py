"""Spectra that the network classifies once more."""

from __future__ import annotations

from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.models import SpectrumState
from triage.models.spectrum import SpectrumQuerySet


def classify_again(spectra: SpectrumQuerySet) -> int:
    """Return spectra to the backlog because their known redshift has changed; return their number.

    A worker that classifies one of them with the old redshift at this moment drops its answer.
    """
    count = spectra.filter(state__in=(SpectrumState.CLASSIFIED, SpectrumState.QUEUED)).return_to_backlog()
    if count:
        ring_after_commit(PROCESS_BACKLOG)
    return count
