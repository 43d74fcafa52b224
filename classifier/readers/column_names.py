"""What the name of a column says that it holds, in every kind of table."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WAVELENGTH = re.compile(
    r"(^|obs|rest|air|vac|[_ ])(a?wav|wl|lambda|lam\b|(log|ln)_?(lam|wave)|\[?ang|wvl|λ)|spectral_?axis", re.I
)
# Names that begin as a wavelength's, but are of errors, bins, wavenumbers and the like.
_NOT_WAVELENGTH = re.compile(r"(err|sig|bin(?!ned)|edge|min|max|mask|mid|number)", re.I)

# Names of a flux, from the likeliest of a calibrated spectrum down to raw counts and to words that are usual elsewhere.
_FLUX = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"^flux$|^flux_reduced$|^opt_flam$",
        r"^f(lux|lam|_?lambda|nu)",
        r"(flux|flam|fnu|f_?lambda|^fl[xm]?(\b|[_(])|spec|intensity|^f$)",
        r"(counts?$|mag|^y$)",
        r"(count|^net$|^data$|_cts$)",
    )
)

# Words begin at a letter that no other letter precedes, so that "signal", "wave_rest" and "function" hold no error.
_ERROR = re.compile(
    r"(err|(?<![a-z])(sig(?!nal)|std(?!ar)|unc|noise|rms|dflux|df|e_?f(lux|lam|nu)|er|e)(?![a-z])|sigma|noise|uncert|"
    r"std_?dev|"
    r"(?<![a-z])(sig|std|unc)(_|f)|^e_)",
    re.I,
)
# What an error column holds, and which is taken before which: a weight may be a number of exposures. The first pattern
# that fits a name counts, so "err_var" is a variance.
_ERRORS = (
    (re.compile(r"(ivar|inv.*var)", re.I), "ivar", 0),
    (re.compile(r"var", re.I), "variance", 2),
    (_ERROR, "error", 1),
    (re.compile(r"weight", re.I), "ivar", 3),
)
_OTHER = re.compile(r"(fit|model|sky|back|bkg|bg|cont|mask|qual|flag|dq|smooth|telluric|resp|resid|trans)", re.I)


def is_wavelength(name: str) -> bool:
    """Return whether a column of this name holds wavelengths."""
    return _WAVELENGTH.search(name) is not None and not _NOT_WAVELENGTH.search(name) and flux_rank(name) is None


def is_flux(name: str) -> bool:
    """Return whether a column of this name holds a flux."""
    rank = flux_rank(name)
    return rank is not None and rank < len(_FLUX) - 1


def flux_rank(name: str) -> int | None:
    """Return how likely a column of this name holds the flux, 0 for the likeliest, or None if its name is no flux's.

    The last rank is of words that are usual elsewhere, such as "data".
    """
    if _error(name) or is_other(name) or re.search("wav|spectral_?axis", name, re.I):
        return None
    return next((rank for rank, pattern in enumerate(_FLUX) if pattern.search(name)), None)


def is_other(name: str) -> bool:
    """Return whether a column of this name holds a sky, a model, a mask or the like."""
    return _OTHER.search(name) is not None


def best_error(names: Sequence[str], flux: str) -> tuple[int, str] | None:
    """Return the number of the column that holds the error of the flux, and its kind, or None if no name says so.

    names: names of the columns.
    flux: name of the flux column.

    The kind is "error", "variance" or "ivar".
    """
    found = {number: error for number, name in enumerate(names) if (error := _error(name))}

    def order(number: int) -> tuple[int, bool, int, int]:
        name = names[number].lower()
        # A statistical error goes before a systematic one. ERR_REDUCED belongs to FLUX_REDUCED.
        return found[number][1], "sys" in name, -sum(word in name for word in flux.lower().split("_")), len(name)

    if not found:
        return None
    best = min(found, key=order)
    return best, found[best][0]


def _error(name: str) -> tuple[str, int] | None:
    """Return the kind of error that the name tells, and its place in the order of preference, or None."""
    of_wavelength = _WAVELENGTH.search(name) and not any(pattern.search(name) for pattern in _FLUX[:3])
    if of_wavelength or is_other(name):
        return None
    return next(((kind, place) for pattern, kind, place in _ERRORS if pattern.search(name)), None)
