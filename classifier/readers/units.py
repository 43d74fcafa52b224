"""Units of wavelength and kinds of flux: from what a header says, else from the numbers."""

from __future__ import annotations

import re

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import Array, FluxKind, Spectrum

_SCALE = {"angstrom": 1.0, "nm": 10.0, "um": 1e4}

_SAID = (
    (
        "log10_angstrom",
        re.compile(r"(?<![a-z])(loglam|log_?lambda|log_?wave\w*|log10?[ _(]*(lambda|wave|ang))", re.I),
    ),
    ("nm", re.compile(r"(?<![a-z])(nm|nanomet(er|re)s?)(?![a-z])", re.I)),
    ("um", re.compile(r"((?<![a-z])(um|microns?|micromet(er|re)s?)(?![a-z])|µm|μm)", re.I)),
    ("angstrom", re.compile(r"((?<![a-z])(a|aa|ang|angstr\w*)(?![a-z])|å)", re.I)),
)


def unit_said(text: str) -> str | None:
    """The wavelength unit that a column name or a header's value names, or None."""
    return next((unit for unit, pattern in _SAID if pattern.search(text)), None)


def to_angstrom(values: Array, said: str | None, receipt: Receipt, corrections: Corrections) -> Array:
    """Wavelengths in Å. The user's word goes first, then the header's if the numbers allow it, then the numbers.

    values: (n,), any order, may hold NaN. Raises SpectrumError("wavelength_unit") where no unit makes them optical.
    """
    middle = float(np.nanmedian(values))
    unit: str
    if corrections.wavelength_unit:
        unit, evidence, confidence = corrections.wavelength_unit, "stated by the user", 1.0
    elif said and _plausible(middle, said):
        unit, evidence, confidence = said, "the header names it", 0.98
    else:
        unit, evidence, confidence = _from_numbers(middle, values)
        if said and said != unit:
            receipt.warn("unit_contradicted", f"the header says {said}, the numbers cannot be: median {middle:.5g}")
    receipt.guess("wavelength_unit", unit, evidence, confidence)
    if unit == "log10_angstrom":
        return np.asarray(10.0 ** np.clip(values, -10, 10))
    return values * _SCALE[unit]


def _plausible(middle: float, unit: str) -> bool:
    angstrom = 10.0 ** min(middle, 9) if unit == "log10_angstrom" else middle * _SCALE[unit]
    return 900 < angstrom < 60_000


def _from_numbers(middle: float, values: Array) -> tuple[str, str, float]:
    said = f"median {middle:.5g}"
    if 1200 <= middle < 60_000:
        return "angstrom", said, 0.95
    if 200 <= middle < 1200:
        return "nm", said, 0.9
    spread = float(np.nanmax(values) - np.nanmin(values))
    if 3.2 < middle < 4.5 and spread < 1.0:
        return "log10_angstrom", f"{said}, spread {spread:.3g}", 0.85
    if 0.15 < middle < 3.0:
        return "um", said, 0.8
    raise SpectrumError("wavelength_unit", f"the first column is no wavelength in a unit known here ({said})")


def flux_said(text: str) -> FluxKind | None:
    """The kind of flux that a column name, a unit or a header's value names, or None."""
    lowered = text.lower()
    if re.search(r"\b(ab ?mag|abmag|mag_?ab|magnitudes?)\b", lowered):
        return "abmag"
    if re.search(r"(jy\b|erg.*?/?\s*hz|f_?nu\b|fnu)", lowered):
        return "fnu"
    if re.search(r"\b(counts?|electrons?|adu|dn)\b", lowered):
        return "counts"
    if re.search(r"normali[sz]ed", lowered):
        return "normalised"
    if re.search(r"(erg.*(ang|/a\b|a-1|a\^-1|å)|f_?lam|flam)", lowered):
        return "flam"
    return None


def to_flam(
    wavelength: Array, flux: Array, said: FluxKind | None, receipt: Receipt, corrections: Corrections
) -> tuple[Array, FluxKind]:
    """F_λ up to a constant factor, from F_ν or AB magnitudes where they are stated; others stay as they are.

    wavelength in Å. F_λ = F_ν c / λ²; F_ν ∝ 10^(-0.4 m) (Oke & Gunn 1983)."""
    kind: FluxKind
    if corrections.flux_kind:
        kind, evidence, confidence = corrections.flux_kind, "stated by the user", 1.0
    elif said:
        kind, evidence, confidence = said, "the header names it", 0.95
    else:
        kind, evidence, confidence = _kind_from_numbers(flux)
    receipt.guess("flux_kind", kind, evidence, confidence)
    if kind == "abmag":
        flux = 10.0 ** (-0.4 * (flux - np.nanmedian(flux)))
    if kind in ("abmag", "fnu"):
        flux = flux * (6000.0 / wavelength) ** 2
    return flux, kind


def _kind_from_numbers(flux: Array) -> tuple[FluxKind, str, float]:
    middle = float(np.nanmedian(np.abs(flux)))
    if 0 < middle < 1e-9:
        return "flam", f"median {middle:.3g}", 0.8
    if middle > 100:
        return "counts", f"median {middle:.3g}", 0.4
    return "unknown", f"median {middle:.3g}; read as F_λ up to a factor", 0.5


def finish(
    wavelength: Array,
    flux: Array,
    error: Array | None,
    receipt: Receipt,
    corrections: Corrections,
    **known: object,
) -> Spectrum:
    """Drop what is not finite, sort, average repeated wavelengths, and check: the last step of every reader.

    wavelength (n,) Å in any order; flux, error (n,). Everything left out is counted in the receipt."""
    finite = np.isfinite(wavelength) & np.isfinite(flux)
    positive = finite & (wavelength > 0)
    receipt.drop("not finite", int((~finite).sum()))
    receipt.drop("wavelength not positive", int((finite & ~positive).sum()))
    wavelength, flux = wavelength[positive], flux[positive]
    error = None if error is None else error[positive]
    if wavelength.size and not (np.diff(wavelength) > 0).all():
        wavelength, flux, error = _sorted(wavelength, flux, error, receipt)
    if (flux < 0).mean() > 0.2:
        receipt.warn("flux_negative", f"{(flux < 0).mean():.0%} of the flux values are negative")
    frame = corrections.frame or "observed"
    if corrections.frame:
        receipt.guess("frame", frame, "stated by the user", 1.0)
    medium = corrections.medium or known.pop("medium", None)
    return Spectrum(wavelength, flux, _usable_error(error, receipt), frame, medium, **known)  # type: ignore[arg-type]


def _sorted(wavelength: Array, flux: Array, error: Array | None, receipt: Receipt) -> tuple[Array, Array, Array | None]:
    if (np.diff(wavelength) < 0).mean() > 0.9:
        receipt.guess("order", "descending", "wavelengths fall", 1.0)
    elif (np.diff(wavelength) < 0).any():
        receipt.warn("orders_joined", "wavelengths jump back: overlapping orders were averaged where they repeat")
    order = np.argsort(wavelength, kind="stable")
    wavelength, flux = wavelength[order], flux[order]
    error = None if error is None else error[order]
    unique, inverse, counts = np.unique(wavelength, return_inverse=True, return_counts=True)
    if unique.size == wavelength.size:
        return wavelength, flux, error
    receipt.drop("repeated wavelength, averaged", int(wavelength.size - unique.size))
    flux = np.bincount(inverse, flux) / counts
    if error is not None:
        error = np.sqrt(np.bincount(inverse, error**2)) / counts
    return unique, flux, error


def _usable_error(error: Array | None, receipt: Receipt) -> Array | None:
    if error is None:
        return None
    bad = ~(np.isfinite(error) & (error >= 0))
    if bad.mean() > 0.5 or np.nanmax(np.where(bad, 0, error)) == 0:
        receipt.warn("error_unusable", "the column of errors holds mostly zeros, negative or missing values; left out")
        return None
    # A missing error is not a small one: such samples take the largest.
    receipt.drop("error missing, the largest taken", int(bad.sum()))
    return np.where(bad, error[~bad].max(), error)
