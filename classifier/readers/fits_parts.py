"""The FitsPart that every FITS reader returns, and the helpers that they share."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import units
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import Array, Medium

# Two ranges that share more of the shorter one than this are two objects, not neighbouring orders.
_SHARED = 0.5


@dataclasses.dataclass
class FitsPart:
    """One spectrum as a FITS file or VOTable holds it, before the clean-up.

    wavelength: (n,) Å.
    flux: (n,) in the unit of the file.
    error: (n,) 1σ in the unit of the file, or None.
    flux_unit: words that name the kind of flux.
    medium: air or vacuum, or None if unknown.
    label: object, aperture or row that the spectrum belongs to.
    header: keys that apply to this spectrum only.
    """

    wavelength: Array
    flux: Array
    error: Array | None = None
    flux_unit: str = ""
    medium: Medium | None = None
    label: str | None = None
    header: dict[str, str] = dataclasses.field(default_factory=dict)


def wavelengths(values: Array, unit: str, receipt: Receipt, corrections: Corrections) -> Array:
    """Return a column or axis in Å, by its FITS unit or else by its numbers.

    Raises SpectrumError ("no_wavelengths", "wavelength_unit").
    """
    other = None if corrections.wavelength_unit else units.parse_other_axis(unit)
    if other:
        raise SpectrumError("no_wavelengths", f"the axis is {other} (“{unit.strip()[:60]}”), not a wavelength")
    return units.to_angstrom(values, units.parse_wavelength_unit(unit), receipt, corrections)


def medium_of(header: Any) -> Medium | None:
    """Return air or vacuum by CTYPE1 and the keywords of several observatories, or None if unknown."""
    words = " ".join(str(header.get(key, "")) for key in ("CTYPE1", "AIRORVAC", "WAVEMED", "REFERENC", "SPECSYS"))
    if str(header.get("VACUUM", "")).strip().upper() in ("1", "T", "TRUE", "YES"):
        return "vacuum"
    # In the FITS standard a wavelength axis named WAVE is in vacuum.
    return "vacuum" if words.upper().startswith("WAVE") else units.parse_medium(words)


def join_orders(parts: Sequence[FitsPart], receipt: Receipt) -> list[FitsPart]:
    """Join neighbouring orders into one spectrum; return objects that cover the same range unchanged."""
    if len(parts) < 2 or same_range(parts):
        return list(parts)
    first = parts[0]
    receipt.warn(
        "orders_joined",
        f"{len(parts)} orders were joined into one spectrum; samples of both are kept where they overlap",
    )
    error = None
    if all(part.error is not None for part in parts):
        error = np.concatenate([part.error for part in parts if part.error is not None])
    wavelength = np.concatenate([part.wavelength for part in parts])
    flux = np.concatenate([part.flux for part in parts])
    return [dataclasses.replace(first, wavelength=wavelength, flux=flux, error=error, label=None)]


def same_range(parts: Sequence[FitsPart]) -> bool:
    """Tell whether most spectra share much of their range with the next one, as several objects or exposures do."""
    ranges = [(float(np.nanmin(part.wavelength)), float(np.nanmax(part.wavelength))) for part in parts]
    ranges.sort()
    shared = 0
    for (low, high), (next_low, next_high) in itertools.pairwise(ranges):
        width = min(high - low, next_high - next_low)
        shared += min(high, next_high) - next_low > _SHARED * width
    return shared > 0.5 * (len(ranges) - 1)
