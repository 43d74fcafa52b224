"""The spectra that a group vetted in private, as a part of the library for further spectra of that group alone."""

from __future__ import annotations

import functools
import math

import numpy as np
from django.db.models import Count, F, Max, Q

from classifier.errors import SpectrumError
from classifier.flattening import flatten
from classifier.library.library import GRID, Library, LibraryObject
from classifier.library.named import class_of
from classifier.resampling import Resampled, resample
from classifier.taxonomy import load_taxonomy
from triage.inference.named_library import DeskLibrary, VettedSpectrum
from triage.inference.samples import settled_redshift, spectrum_value
from triage.models import Brightness, ClassificationChange, GroupSettings, Spectrum, SpectrumArrays
from triage.models.brightness import BrightnessQuerySet

# A group's library holds so many spectra, the newest ones.
MOST_SPECTRA = 1000
# A phase of a light curve with a larger error, in days, does not count. A well-covered SN Ia has about 8.
MOST_PHASE_ERROR = 10.0


def library_for(shared: DeskLibrary, group: int | None) -> DeskLibrary:
    """Return the library that a spectrum is compared with.

    shared: library of the desk.
    group: id of the group that alone sees the spectrum, or None if everybody does.

    A group that has a library of its own gets the desk's with it; everybody else gets the desk's.
    """
    if group is None or not GroupSettings.objects.filter(group=group, own_library=True).exists():
        return shared
    changes = ClassificationChange.objects.filter(transient__spectra__group=group)
    newest: int | None = changes.aggregate(newest=Max("pk"))["newest"]
    bright: dict[str, int | None] = _brightness(group).aggregate(newest=Max("pk"), rows=Count("pk"))
    return _joined(shared, group, (newest, bright["newest"], bright["rows"]))


@functools.lru_cache(maxsize=3)
def _joined(shared: DeskLibrary, group: int, version: tuple[int | None, ...]) -> DeskLibrary:
    """Return the desk's library with a group's behind it.

    version: newest change of the group's classifications, and newest brightness of its spectra and their number. The
        library is made anew once one of them changes.
    """
    rows: list[tuple[LibraryObject, Resampled, VettedSpectrum]] = []
    spectra = list(Spectrum.objects.filter(group=group, simulated=False).vetted().order_by("-pk")[:MOST_SPECTRA])
    arrays = SpectrumArrays.objects.in_bulk([spectrum.pk for spectrum in spectra])
    phases = _phases(group)
    for spectrum in spectra:
        redshift = 0.0 if spectrum.at_rest else settled_redshift(spectrum)
        if math.isnan(redshift) or spectrum.without_host:
            continue
        try:
            resampled = resample(spectrum_value(spectrum, arrays), GRID)
        except SpectrumError:
            continue
        kind = spectrum.vetted_class
        entry = LibraryObject(str(spectrum.transient), kind, class_of(kind, load_taxonomy()), "vetted here")
        rows.append((entry, resampled, VettedSpectrum(spectrum.pk, redshift)))
    if not rows:
        return shared
    flux, covered = (np.stack([getattr(row[1], name) for row in rows]) for name in ("flux", "covered"))
    flattened = flatten(flux, covered, np.log1p([row[2].redshift for row in rows]), GRID)
    own = Library(
        flattened.flux,
        flattened.weight,
        flattened.contrast,
        np.arange(len(rows)),
        np.array([phases.get(row[2].id, math.nan) for row in rows], dtype=np.float32),
        tuple(row[0] for row in rows),
    )
    return DeskLibrary(shared.hash, shared.library.joined(own), tuple(row[2] for row in rows))


def _brightness(group: int) -> BrightnessQuerySet:
    """Return what the light curves that a group sees say of its own spectra, as they are classified now."""
    return Brightness.objects.filter(
        Q(group=None) | Q(group=group),
        prediction__spectrum__group=group,
        prediction=F("prediction__spectrum__current_prediction"),
    )


def _phases(group: int) -> dict[int, float]:
    """Return the phase (days from maximum) of each spectrum of a group whose light curve tells it well, by its id."""
    # The group's own light curves count with the public ones, so their answer comes last and stands.
    told = _brightness(group).order_by(F("group").asc(nulls_first=True))
    found = {row.prediction.spectrum_id: row for row in told.select_related("prediction")}
    return {
        pk: row.phase
        for pk, row in found.items()
        if row.phase is not None and row.phase_error is not None and row.phase_error <= MOST_PHASE_ERROR
    }
