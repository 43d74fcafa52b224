"""The desk's library of named spectra, and a spectrum of it over one of the desk's.

Web pages use this module, so it does not load PyTorch.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from pathlib import Path

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from numpy.typing import NDArray

from classifier.checkpoint_files import file_hash
from classifier.errors import CheckpointError, SpectrumError
from classifier.flattening import Comparison, Floats, compare, flatten
from classifier.library.library import GRID, Library
from classifier.resampling import resample_arrays
from classifier.spectrum import Array
from triage.models import NamedMatches, Spectrum, SpectrumArrays
from triage.models.arrays import unpack

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class VettedSpectrum:
    """A spectrum of the desk that stands in a group's library.

    id: its id.
    redshift: redshift that people settled on, 0 if it came in the rest frame.
    """

    id: int
    redshift: float


@dataclasses.dataclass(frozen=True, eq=False)
class DeskLibrary:
    """A library to compare with.

    hash: hash of the desk's file.
    library: its named spectra, and behind them those of a group.
    vetted: what the last spectra of the library are on the desk, one for each of the group's.
    """

    hash: str
    library: Library
    vetted: tuple[VettedSpectrum, ...] = ()

    def vetted_spectrum(self, row: int) -> VettedSpectrum | None:
        """Return what a spectrum of the library is on the desk, or None if it came from the file."""
        place = row - (len(self.library) - len(self.vetted))
        return self.vetted[place] if place >= 0 else None


def desk_library() -> DeskLibrary | None:
    """Return the library that the settings name, or None if there is none; a file that changed is loaded again."""
    path: Path = settings.SPECTRUM_LIBRARY
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    return _load(path, changed)


@functools.lru_cache(maxsize=1)
def _load(path: Path, changed: int) -> DeskLibrary | None:
    try:
        return DeskLibrary(file_hash(path), Library.load(path))
    except (OSError, CheckpointError) as error:
        log.error("the library of named spectra is not used: %s", error)
        return None


def named_comparison(
    user: User, named: NamedMatches, number: int, wavelength: Array, flux: Array, *, at_rest: bool
) -> Comparison | None:
    """Return a spectrum and one of its named matches, both flattened.

    user: who looks; a spectrum that a group vetted is for its members alone.
    named: the matches.
    number: which of them, from 0.
    wavelength: (n,) Å, ascending, in the frame that the spectrum came in.
    flux: (n,) F_λ in any unit.
    at_rest: whether the spectrum came in the rest frame.

    Returns None if there is no such match, if the desk has another library by now, if the vetted spectrum is gone, or
    if the spectrum covers too little.
    """
    if not 0 <= number < len(named.matches):
        return None
    match = named.matches[number]
    try:
        vetted = match.get("vetted")
        template = _of_desk(user, **vetted) if vetted else _of_file(named.library, match["spectrum"])
        if template is None:
            return None
        return compare(wavelength, flux, *template, 0.0 if at_rest else match["redshift"], GRID)
    except SpectrumError:
        return None


def _of_file(hash_: str, row: int) -> tuple[Floats, NDArray[np.bool_]] | None:
    """Return the flattened flux of a spectrum of the library with this hash, and where it is defined."""
    loaded = desk_library()
    if loaded is None or loaded.hash != hash_:
        return None
    return loaded.library.flux[row], loaded.library.weight[row] > 0


def _of_desk(user: User, spectrum: int, redshift: float) -> tuple[Floats, NDArray[np.bool_]] | None:
    """Return the flattened flux of a spectrum that the user may see, in the rest frame, and where it is defined."""
    visible = Spectrum.objects.visible_to(user).filter(pk=spectrum)
    stored = SpectrumArrays.objects.filter(spectrum__in=visible).first()
    if stored is None:
        return None
    wavelength, first = np.unique(unpack(stored.wavelength), return_index=True)
    resampled = resample_arrays(wavelength, unpack(stored.flux)[first], GRID)
    flattened = flatten(resampled.flux[None], resampled.covered[None], np.log1p([redshift]), GRID)
    return flattened.flux[0], flattened.weight[0] > 0
