"""What the FITS readers hand over, and small helpers they share."""

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

# How much of the shorter range two stretches may share before they count as two objects and not as neighbouring
# orders.
_SHARED = 0.5


@dataclasses.dataclass
class Found:
    """One spectrum as a FITS file holds it: wavelength (n,) Å, flux (n,) in the file's unit, error (n,) 1σ or None.

    flux_unit: words that name the kind of flux; label: which object or order; header: keys of this spectrum alone.
    """

    wavelength: Array
    flux: Array
    error: Array | None = None
    flux_unit: str = ""
    medium: Medium | None = None
    label: str | None = None
    header: dict[str, str] = dataclasses.field(default_factory=dict)


def wavelengths(values: Array, unit: str, receipt: Receipt, corrections: Corrections) -> Array:
    """A column or axis in Å by its FITS unit, else by its numbers. Raises SpectrumError("no_wavelengths")."""
    other = None if corrections.wavelength_unit else units.other_axis_said(unit)
    if other:
        raise SpectrumError("no_wavelengths", f"the axis is {other} ({unit.strip()[:60]}), not a wavelength")
    return units.to_angstrom(values, units.unit_said(unit), receipt, corrections)


def medium_of(header: Any) -> Medium | None:
    """Air or vacuum by CTYPE1 and the keywords of several observatories; None where nothing says."""
    words = " ".join(str(header.get(key, "")) for key in ("CTYPE1", "AIRORVAC", "WAVEMED", "REFERENC", "SPECSYS"))
    if str(header.get("VACUUM", "")).strip().upper() in ("1", "T", "TRUE", "YES"):
        return "vacuum"
    # By the standard of FITS, a wavelength axis named WAVE is in vacuum.
    return "vacuum" if words.upper().startswith("WAVE") else units.medium_said(words)


def join_orders(parts: Sequence[Found], receipt: Receipt) -> list[Found]:
    """Neighbouring orders made one spectrum, objects that cover the same range left apart."""
    if len(parts) < 2 or same_range(parts):
        return list(parts)
    first = parts[0]
    receipt.warn("orders_joined", f"{len(parts)} orders were joined; where they overlap, both are kept in order")
    error = None
    if all(part.error is not None for part in parts):
        error = np.concatenate([part.error for part in parts if part.error is not None])
    wavelength = np.concatenate([part.wavelength for part in parts])
    flux = np.concatenate([part.flux for part in parts])
    return [dataclasses.replace(first, wavelength=wavelength, flux=flux, error=error, label=None)]


def same_range(parts: Sequence[Found]) -> bool:
    """Whether most of the spectra share much of their range with the next, as several objects or exposures do."""
    ranges = [(float(np.nanmin(part.wavelength)), float(np.nanmax(part.wavelength))) for part in parts]
    ranges.sort()
    shared = 0
    for (low, high), (next_low, next_high) in itertools.pairwise(ranges):
        width = min(high - low, next_high - next_low)
        shared += min(high, next_high) - next_low > _SHARED * width
    return shared > 0.5 * (len(ranges) - 1)
