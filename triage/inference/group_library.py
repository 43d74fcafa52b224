"""The spectra that a group vetted in private, as a part of the library for further spectra of that group alone."""

from __future__ import annotations

import functools
import math

import numpy as np
from django.db.models import Max

from classifier.errors import SpectrumError
from classifier.flattening import flatten
from classifier.library.library import GRID, Library, LibraryObject
from classifier.library.named import class_of
from classifier.resampling import Resampled, resample
from classifier.taxonomy import load_taxonomy
from triage.inference.named_library import DeskLibrary, VettedSpectrum
from triage.inference.samples import settled_redshift, spectrum_value
from triage.models import ClassificationChange, GroupSettings, Spectrum, SpectrumArrays

# A group's library holds so many spectra, the newest ones.
MOST_SPECTRA = 1000


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
    return _joined(shared, group, newest)


@functools.lru_cache(maxsize=3)
def _joined(shared: DeskLibrary, group: int, newest: int | None) -> DeskLibrary:
    """Return the desk's library with a group's behind it, as of the newest change of the group's classifications."""
    rows: list[tuple[LibraryObject, Resampled, VettedSpectrum]] = []
    spectra = list(Spectrum.objects.filter(group=group, simulated=False).vetted().order_by("-pk")[:MOST_SPECTRA])
    arrays = SpectrumArrays.objects.in_bulk([spectrum.pk for spectrum in spectra])
    for spectrum in spectra:
        redshift = 0.0 if spectrum.at_rest else settled_redshift(spectrum)
        if math.isnan(redshift):
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
        np.full(len(rows), np.nan, dtype=np.float32),
        tuple(row[0] for row in rows),
    )
    return DeskLibrary(shared.hash, shared.library.joined(own), tuple(row[2] for row in rows))
