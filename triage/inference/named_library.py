"""The desk's library of named spectra, and a spectrum of it over one of the desk's.

Web pages use this module, so it does not load PyTorch.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from pathlib import Path

from django.conf import settings

from classifier.errors import CheckpointError, SpectrumError
from classifier.flattening import Comparison, compare
from classifier.library.library import GRID, Library, library_hash
from classifier.spectrum import Array
from triage.models import NamedMatches

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class DeskLibrary:
    """The library and the hash of its file."""

    hash: str
    library: Library


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
        return DeskLibrary(library_hash(path), Library.load(path))
    except (OSError, CheckpointError) as error:
        log.error("the library of named spectra is not used: %s", error)
        return None


def named_comparison(
    named: NamedMatches, number: int, wavelength: Array, flux: Array, *, at_rest: bool
) -> Comparison | None:
    """Return a spectrum and one of its named matches, both flattened.

    named: the matches.
    number: which of them, from 0.
    wavelength: (n,) Å, ascending, in the frame that the spectrum came in.
    flux: (n,) F_λ in any unit.
    at_rest: whether the spectrum came in the rest frame.

    Returns None if there is no such match, if the desk has another library by now, or if the spectrum covers too
    little.
    """
    loaded = desk_library()
    if loaded is None or loaded.hash != named.library or not 0 <= number < len(named.matches):
        return None
    match = named.matches[number]
    row = match["spectrum"]
    template, defined = loaded.library.flux[row], loaded.library.weight[row] > 0
    try:
        return compare(wavelength, flux, template, defined, 0.0 if at_rest else match["redshift"], GRID)
    except SpectrumError:
        return None
