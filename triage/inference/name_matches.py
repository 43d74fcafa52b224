"""Naming what spectra look like: a worker compares them with the library, after their predictions are stored."""

from __future__ import annotations

import functools
import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from classifier.errors import SpectrumError
from classifier.library.matching import SHOWN, Matcher, NamedMatch
from classifier.library.trust import phase_of, trust_of
from classifier.spectrum import Spectrum as SpectrumValue
from triage.inference.group_library import library_for
from triage.inference.named_library import DeskLibrary, desk_library
from triage.models import NamedMatches, OtherName, Prediction, Spectrum

log = logging.getLogger(__name__)


def name_matches(classified: Sequence[tuple[Prediction, SpectrumValue]]) -> int:
    """Store the named matches of predictions, and return how many have some now.

    classified: predictions, each with the samples that it was made of.

    Without a library nothing happens. A comparison that fails costs its prediction the matches and nothing else.
    """
    loaded = desk_library()
    if loaded is None:
        return 0
    rows = []
    groups, names = _audiences([prediction.spectrum_id for prediction, _ in classified])
    # In the order of the groups, so that the library of each is made ready once.
    for prediction, value in sorted(classified, key=lambda item: groups.get(item[0].spectrum_id) or 0):
        redshift = _redshift(prediction, at_rest=value.frame == "rest")
        if redshift is None:
            continue
        try:
            library = library_for(loaded, groups.get(prediction.spectrum_id))
            rows.append(_row(library, prediction, value, redshift, names[prediction.spectrum_id]))
        except (SpectrumError, RuntimeError, ValueError, ArithmeticError, LookupError):
            log.exception("spectrum %s could not be compared with the library", prediction.spectrum_id)
    try:
        with transaction.atomic():
            NamedMatches.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=("prediction",),
                update_fields=("library", "matches", "trust", "phase", "phase_error", "left_out", "made_at"),
            )
    except IntegrityError:
        # A spectrum was removed in the meantime. The command name_matches makes up for the others.
        log.exception("the named matches of %d predictions could not be stored", len(rows))
        return 0
    return len(rows)


def _redshift(prediction: Prediction, *, at_rest: bool) -> tuple[float, str] | None:
    """Return the redshift to compare at and where it is from, or None if there is none.

    It is the known one, else the network's ("estimated"), else that of the best template.
    """
    if at_rest:
        return 0.0, "known"
    candidates = (
        (prediction.redshift_used, "known"),
        (prediction.redshift, "estimated"),
        ((prediction.crosscheck or {}).get("redshift"), "template"),
    )
    return next(((z, origin) for z, origin in candidates if z is not None), None)


def _audiences(ids: Sequence[int]) -> tuple[dict[int, int | None], dict[int, list[str]]]:
    """Return the group of each spectrum, and the names of its transient that its readers know, by its id."""
    groups, names = dict[int, int | None](), defaultdict[int, list[str]](list)
    for pk, group, name in Spectrum.objects.filter(pk__in=ids).values_list("pk", "group", "transient__name"):
        groups[pk] = group
        names[pk] += [name] if name else []
    audience = Q(group__isnull=True) | Q(group=F("transient__spectra__group"))
    others = OtherName.objects.filter(audience, transient__spectra__in=ids)
    for pk, name in others.values_list("transient__spectra", "name"):
        names[pk].append(name)
    return groups, names


def _row(
    loaded: DeskLibrary,
    prediction: Prediction,
    value: SpectrumValue,
    redshift: tuple[float, str],
    names: Sequence[str],
) -> NamedMatches:
    library = loaded.library
    # The transient itself would match best, and say nothing about what it is like.
    own = library.called(names)
    found = _matcher(loaded).match_spectrum(value, redshift[:1], own)
    phase = phase_of(found, library, prediction.class_name, redshift[1])
    return NamedMatches(
        prediction=prediction,
        library=loaded.hash,
        left_out=", ".join(library.objects[number].name for number in own),
        matches=[_described(match, loaded) for match in found[:SHOWN]],
        trust=trust_of(found, library, redshift[1]),
        phase=None if phase is None else phase.days,
        phase_error=None if phase is None else phase.error,
    )


@functools.lru_cache(maxsize=2)
def _matcher(loaded: DeskLibrary) -> Matcher:
    return Matcher(loaded.library)


def _described(match: NamedMatch, loaded: DeskLibrary) -> dict[str, Any]:
    library, vetted = loaded.library, loaded.vetted_spectrum(match.spectrum)
    entry, phase = library.objects[match.object], float(library.phase[match.spectrum])
    return {
        "name": entry.name,
        "type": entry.type,
        "class": entry.class_name,
        "phase": round(phase, 1) if math.isfinite(phase) else None,
        "redshift": round(match.redshift, 5),
        "score": round(match.score, 2),
        "spectrum": None if vetted else match.spectrum,
        "vetted": None if vetted is None else {"spectrum": vetted.id, "redshift": vetted.redshift},
    }
