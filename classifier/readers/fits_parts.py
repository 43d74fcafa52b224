"""The FitsPart that every FITS reader returns, and the helpers that they share."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import units
from classifier.readers.checks import rest_frame_evidence
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
    stated = units.parse_wavelength_unit(unit)
    if unit.strip() and stated is None and not corrections.wavelength_unit:
        receipt.warn("unit_unknown", f"“{unit.strip()[:60]}” is no unit of wavelength: the numbers decide")
    return units.to_angstrom(values, stated, receipt, corrections)


def medium_of(header: Any) -> Medium | None:
    """Return air or vacuum by the keywords of several observatories or else by CTYPE1, or None if unknown."""
    if str(header.get("VACUUM", "")).strip().upper() in ("1", "T", "TRUE", "YES"):
        return "vacuum"
    words = " ".join(str(header.get(key, "")) for key in ("AIRORVAC", "WAVEMED", "REFERENC", "SPECSYS"))
    # In the FITS standard a wavelength axis of the code WAVE is in vacuum. The word "Wavelength" says nothing.
    code = str(header.get("CTYPE1", "")).strip().upper()
    of_code: Medium | None = "vacuum" if re.fullmatch(r"WAVE(-[A-Z0-9]+)?", code) else units.parse_medium(code)
    return units.parse_medium(words) or of_code


def header_strings(header: Any) -> dict[str, str]:
    """Return the values of a header by key, in upper case. Those of repeated keys, such as HISTORY, are joined."""
    values: dict[str, str] = {}
    for key, value in header.items():
        name = str(key).upper()
        values[name] = f"{values[name]}\n{value}" if name in ("HISTORY", "COMMENT") and name in values else str(value)
    values.pop("", None)
    return values


def rest_frame_in_fits(header: Mapping[str, str]) -> str | None:
    """Return what in a FITS header says that the wavelengths are in the rest frame, or None.

    header: values by key, in upper case.
    """
    aperture = re.search(r'spec1\s*=\s*"([^"]*)"', header.get("WAT2_001", "") + header.get("WAT2_002", ""))
    words = aperture[1].split() if aperture else []
    if len(words) > 6 and re.fullmatch(r"-?0*\.?0*[1-9]\d*(\.\d*)?(E-?\d+)?|-?0?\.\d*[1-9]\d*", words[6], re.I):
        return f"the header (WAT2) takes out a redshift of {words[6]}"
    return rest_frame_evidence(header)


def join_orders(parts: Sequence[FitsPart], receipt: Receipt) -> list[FitsPart]:
    """Join neighbouring orders into one spectrum; return objects that cover the same range unchanged."""
    if len(parts) < 2 or same_range(parts):
        return list(parts)
    first = parts[0]
    receipt.warn(
        "orders_joined",
        f"{len(parts)} orders were joined into one spectrum; samples of both are kept where they overlap",
    )
    errors = [part.error for part in parts if part.error is not None]
    error = np.concatenate(errors) if len(errors) == len(parts) else None
    wavelength = np.concatenate([part.wavelength for part in parts])
    flux = np.concatenate([part.flux for part in parts])
    return [dataclasses.replace(first, wavelength=wavelength, flux=flux, error=error, label=None)]


def same_range(parts: Sequence[FitsPart]) -> bool:
    """Tell whether most spectra share much of their range with the next one, as several objects or exposures do."""
    ranges = sorted(map(_range, parts))
    shared = 0
    for (low, high), (next_low, next_high) in itertools.pairwise(ranges):
        width = min(high - low, next_high - next_low)
        shared += min(high, next_high) - next_low > _SHARED * width
    return shared > 0.5 * (len(ranges) - 1)


def _range(part: FitsPart) -> tuple[float, float]:
    """Return the first and last wavelength. Zeros pad orders of different length, so they do not count."""
    used = part.wavelength[part.wavelength > 0]
    return (float(used.min()), float(used.max())) if used.size else (0.0, 0.0)
