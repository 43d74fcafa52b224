"""Naming what spectra look like: a worker compares them with the library, after their predictions are stored."""

from __future__ import annotations

import functools
import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from classifier.errors import SpectrumError
from classifier.host_light import host_light, is_hosted
from classifier.library.matching import SHOWN, Matcher, NamedMatch
from classifier.library.trust import phase_of, trust_of
from classifier.spectrum import Spectrum as SpectrumValue
from classifier.taxonomy import load_taxonomy
from triage.inference.group_library import library_for
from triage.inference.named_library import DeskLibrary, desk_library
from triage.models import NamedMatches, OtherName, Prediction, Spectrum

log = logging.getLogger(__name__)


def name_matches(
    classified: Sequence[tuple[Prediction, SpectrumValue]], device: torch.device, unusable: Sequence[Prediction] = ()
) -> int:
    """Store the named matches of predictions, and return how many predictions were dealt with.

    classified: predictions, each with the samples that it was made of.
    device: where they are compared.
    unusable: predictions whose samples cannot be compared.

    Without a library nothing happens. A prediction without a match, or whose comparison failed, gets an empty row, and
    so does an unusable one, so that it is not tried again and again.
    """
    loaded = desk_library()
    if loaded is None or not (classified or unusable):
        return 0
    groups, names = _audiences([prediction.spectrum_id for prediction in (*(one for one, _ in classified), *unusable)])
    rows = [_row(loaded, prediction, [], None, ()) for prediction in unusable]
    # The spectra of one group are compared together, with the library that this group has.
    for group in dict.fromkeys(groups.values()):
        if together := [one for one in classified if groups.get(one[0].spectrum_id) == group]:
            rows += _rows(library_for(loaded, group), together, names, device)
    try:
        with transaction.atomic():
            # A new audience has another library; the periodic task compares these spectra with it.
            now = dict(
                Spectrum.objects.select_for_update().filter(pk__in=groups).order_by("pk").values_list("pk", "group")
            )
            rows = [
                row for row in rows if now.get(row.prediction.spectrum_id) == groups.get(row.prediction.spectrum_id)
            ]
            NamedMatches.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=("prediction",),
                update_fields=[field.name for field in NamedMatches._meta.fields if not field.primary_key],
            )
    except IntegrityError:
        # A spectrum was removed in the meantime. The periodic task makes up for the others.
        log.exception("the named matches of %d predictions could not be stored", len(rows))
        return 0
    return len(rows)


def _rows(
    loaded: DeskLibrary,
    classified: Sequence[tuple[Prediction, SpectrumValue]],
    names: Mapping[int, Sequence[str]],
    device: torch.device,
) -> list[NamedMatches]:
    """Return a row, not yet saved, for each prediction. If all break the comparison, each is tried alone.

    names: names of the transient by the id of the spectrum.
    """
    redshifts = [_redshift(prediction, at_rest=value.frame == "rest") for prediction, value in classified]
    # The transient itself would match best, and say nothing about what it is like.
    own = [loaded.library.called(names.get(prediction.spectrum_id, ())) for prediction, _ in classified]
    try:
        found = _matcher(loaded, device).match_spectra(
            [value for _, value in classified], [() if z is None else z[:1] for z in redshifts], own
        )
        rows = [
            _row(loaded, prediction, [] if isinstance(matches, SpectrumError) else matches, redshift, left_out)
            for (prediction, _), matches, redshift, left_out in zip(classified, found, redshifts, own, strict=True)
        ]
        _add_host_light(rows, [value for _, value in classified], redshifts)
        return rows
    except (RuntimeError, ValueError, ArithmeticError, LookupError, MemoryError):
        spectra = [prediction.spectrum_id for prediction, _ in classified]
        log.exception("the spectra %s could not be compared with the library", spectra)
        if len(classified) == 1:
            return [_row(loaded, classified[0][0], [], None, own[0])]
        return [row for one in classified for row in _rows(loaded, [one], names, device)]


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
    found: Sequence[NamedMatch],
    redshift: tuple[float, str] | None,
    own: Sequence[int],
) -> NamedMatches:
    """Return a row, not yet saved.

    redshift: the redshift of the comparison and where it is from, or None if there was none.
    own: objects of the library that were left out.
    """
    library, origin = loaded.library, redshift[1] if redshift else ""
    phase = phase_of(found, library, prediction.class_name, origin)
    return NamedMatches(
        prediction=prediction,
        library=loaded.hash,
        left_out=", ".join(library.objects[number].name for number in own),
        matches=[_described(match, loaded) for match in found[:SHOWN]],
        trust=trust_of(found, library, origin),
        phase=None if phase is None else phase.days,
        phase_error=None if phase is None else phase.error,
    )


def _add_host_light(
    rows: Sequence[NamedMatches], values: Sequence[SpectrumValue], redshifts: Sequence[tuple[float, str] | None]
) -> None:
    """Write the host light into the rows of transients whose redshift is known.

    values, redshifts: of each row, as in ``_rows``.
    """
    taxonomy = load_taxonomy()
    told = [
        (row, value, redshift[0])
        for row, value, redshift in zip(rows, values, redshifts, strict=True)
        if redshift and redshift[1] == "known" and is_hosted(row.prediction.class_name, taxonomy)
    ]
    found = host_light([value for _, value, _ in told], [redshift for _, _, redshift in told])
    for (row, _, _), light in zip(told, found, strict=True):
        if light is not None:
            row.host_light, row.host_light_error = light.share, light.error


@functools.lru_cache(maxsize=2)
def _matcher(loaded: DeskLibrary, device: torch.device) -> Matcher:
    return Matcher(loaded.library, device)


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
