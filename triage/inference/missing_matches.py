"""Named matches that are missing: those of another library, and those that a worker did not live to make."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from classifier.errors import SpectrumError
from triage.chunks import chunks
from triage.inference import worker
from triage.inference.name_matches import name_matches
from triage.inference.named_library import desk_library
from triage.inference.samples import spectrum_value
from triage.models import Spectrum, SpectrumArrays, SpectrumState

# Number of spectra looked through at a time, and of those compared between two looks at the clock.
WINDOW, BATCH = 2000, 24
# This process has looked through the spectra from this id on; None before the first look and after the last one.
_looked_through: int | None = None


def fill(seconds: float, stopping: Callable[[], bool] = lambda: False) -> int:
    """Compare spectra that have no matches of the present library with it, and return how many were dealt with.

    seconds: time after which the rest waits for the next call.
    stopping: asked before each batch; the rest waits for the next call if it returns True.

    Each call looks through the newest spectra, and through older ones where the last call stopped.
    """
    global _looked_through
    until = time.monotonic() + seconds
    done = 0
    for below in dict.fromkeys((None, _looked_through)):
        found, lowest = _window(below)
        # Several workers fill in at the same time, and mostly take different spectra.
        random.shuffle(found)
        for batch in chunks(found, BATCH):
            if time.monotonic() > until or stopping():
                return done
            done += compare(batch)
    _looked_through = lowest
    return done


def _window(below: int | None) -> tuple[list[int], int | None]:
    """Return the spectra without matches among the WINDOW newest, and the id of the last one that was looked at.

    below: only spectra with smaller ids are looked at; None for all.

    The second value is None where no older spectrum is left.
    """
    loaded = desk_library()
    if loaded is None:
        return [], None
    spectra = Spectrum.objects.filter(state=SpectrumState.CLASSIFIED, current_prediction__isnull=False).order_by("-pk")
    if below is not None:
        spectra = spectra.filter(pk__lt=below)
    rows = list(spectra.values_list("pk", "current_prediction__named_matches__library")[:WINDOW])
    missing = [pk for pk, library in rows if library != loaded.hash]
    return missing, rows[-1][0] if len(rows) == WINDOW else None


def compare(ids: Sequence[int]) -> int:
    """Compare spectra with the library, and return how many were dealt with; those with unusable samples count too.

    Raises CheckpointError if the checkpoint cannot be loaded.
    """
    device = worker.load_classifier().device
    spectra = Spectrum.objects.filter(pk__in=ids).select_related("current_prediction")
    arrays = SpectrumArrays.objects.in_bulk(ids)
    found, unusable = [], []
    for spectrum in spectra:
        if spectrum.current_prediction is None:
            continue
        try:
            found.append((spectrum.current_prediction, spectrum_value(spectrum, arrays)))
        except SpectrumError:
            unusable.append(spectrum.current_prediction)
    return name_matches(found, device, unusable)
