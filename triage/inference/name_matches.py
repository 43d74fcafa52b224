"""Naming what spectra look like: a worker compares them with the library, after their predictions are stored."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from django.db import IntegrityError, transaction

from classifier.errors import SpectrumError
from classifier.library.library import Library
from classifier.library.matching import SHOWN, Matcher, NamedMatch
from classifier.library.trust import phase_of, trust_of
from classifier.spectrum import Spectrum as SpectrumValue
from triage.inference.named_library import DeskLibrary, desk_library
from triage.models import NamedMatches, Prediction

log = logging.getLogger(__name__)


def name_matches(classified: Sequence[tuple[Prediction, SpectrumValue]], device: torch.device) -> int:
    """Store the named matches of predictions, and return how many were compared with the library.

    classified: predictions, each with the samples that it was made of.
    device: where they are compared.

    Without a library nothing happens. A prediction without a match, or whose comparison failed, gets an empty row, so
    that it is not compared again and again.
    """
    loaded = desk_library()
    if loaded is None or not classified:
        return 0
    rows = _rows(loaded, classified, device)
    try:
        with transaction.atomic():
            NamedMatches.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=("prediction",),
                update_fields=("library", "matches", "trust", "phase", "phase_error", "made_at"),
            )
    except IntegrityError:
        # A spectrum was removed in the meantime. The periodic task makes up for the others.
        log.exception("the named matches of %d predictions could not be stored", len(rows))
        return 0
    return len(rows)


def _rows(
    loaded: DeskLibrary, classified: Sequence[tuple[Prediction, SpectrumValue]], device: torch.device
) -> list[NamedMatches]:
    """Return a row, not yet saved, for each prediction. If all break the comparison, each is tried alone."""
    values = [value for _, value in classified]
    redshifts = [_redshifts(prediction, at_rest=value.frame == "rest") for prediction, value in classified]
    try:
        found = _matcher(loaded, device).match_spectra(values, redshifts)
        return [
            _row(loaded, prediction, [] if isinstance(matches, SpectrumError) else matches)
            for (prediction, _), matches in zip(classified, found, strict=True)
        ]
    except (RuntimeError, ValueError, ArithmeticError, LookupError, MemoryError):
        spectra = [prediction.spectrum_id for prediction, _ in classified]
        log.exception("the spectra %s could not be compared with the library", spectra)
        if len(classified) == 1:
            return [_row(loaded, classified[0][0], [])]
        return [row for one in classified for row in _rows(loaded, [one], device)]


def _redshifts(prediction: Prediction, *, at_rest: bool) -> list[float]:
    """Return the redshifts to compare at: the known one, else those of network and templates."""
    if at_rest:
        return [0.0]
    if prediction.redshift_used is not None:
        return [prediction.redshift_used]
    guesses = (prediction.redshift, (prediction.crosscheck or {}).get("redshift"))
    return [z for z in guesses if z is not None]


def _row(loaded: DeskLibrary, prediction: Prediction, found: Sequence[NamedMatch]) -> NamedMatches:
    library = loaded.library
    phase = phase_of(found, library, prediction.class_name)
    return NamedMatches(
        prediction=prediction,
        library=loaded.hash,
        matches=[_described(match, library) for match in found[:SHOWN]],
        trust=trust_of(found, library),
        phase=None if phase is None else phase.days,
        phase_error=None if phase is None else phase.error,
    )


@functools.lru_cache(maxsize=1)
def _matcher(loaded: DeskLibrary, device: torch.device) -> Matcher:
    return Matcher(loaded.library, device)


def _described(match: NamedMatch, library: Library) -> dict[str, Any]:
    entry, phase = library.objects[match.object], float(library.phase[match.spectrum])
    return {
        "name": entry.name,
        "type": entry.type,
        "class": entry.class_name,
        "phase": round(phase, 1) if math.isfinite(phase) else None,
        "redshift": round(match.redshift, 5),
        "score": round(match.score, 2),
        "spectrum": match.spectrum,
    }
