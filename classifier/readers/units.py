"""Units of wavelength and kinds of flux, from the words of a header first and from the numbers second."""

from __future__ import annotations

import math
import re

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import Array, FluxKind, Medium

_SCALE = {"angstrom": 1.0, "nm": 10.0, "um": 1e4, "m": 1e10}
LOGARITHMS = {"log10_angstrom": 10.0, "ln_angstrom": math.e}
# A stated unit is believed if it puts the middle of the spectrum between these wavelengths, Å.
_BELIEVABLE = {
    "angstrom": (900, 300_000),
    "nm": (900, 30_000),
    "um": (900, 300_000),
    "m": (900, 300_000),
    "log10_angstrom": (900, 60_000),
    "ln_angstrom": (900, 60_000),
}
# Wavelength at which a flux in F_ν or magnitudes keeps its number in F_λ, Å.
_PIVOT = 6000.0

_UNIT_WORDS = (
    ("ln_angstrom", re.compile(r"(?<![a-z])(ln[ _(]*(lambda|lam|wave|wl|ang)|log_?e[ _(]*(lambda|wave|ang))", re.I)),
    (
        "log10_angstrom",
        re.compile(
            r"(?<![a-z])(loglam|log_?lambda|log_?wave\w*|(log(10)?|dex)[ _(\[]*(lambda|wave|ang|å|aa?(?![a-z])))", re.I
        ),
    ),
    ("angstrom", re.compile(r"(0\.1 ?nm|(10(\^|\*\*)-10|1e-10) ?m)(?![a-z])", re.I)),
    ("nm", re.compile(r"(?<![a-z])(nm|nanomet(er|re)s?)(?![a-z])", re.I)),
    ("um", re.compile(r"((?<![a-z])(um|microns?|micromet(er|re)s?)(?![a-z])|µm|μm)", re.I)),
    ("angstrom", re.compile(r"((?<![a-z])(a|aa|ang|angstr\w*)(?![a-z])|å)", re.I)),
    ("m", re.compile(r"(?<![a-z])(?<![a-z][*./ ])(m|met(er|re)s?)(?![a-z*^/\d-])", re.I)),
)
# Quantities that an axis may hold instead of wavelengths, by the words of its name or unit.
_OTHER_AXES = (
    ("a frequency", re.compile(r"(?<![a-z])(freq\w*|[kmgtp]?hz)(?![a-z])", re.I)),
    ("an energy", re.compile(r"(?<![a-z])(energy|energies|ener|[km]?ev)(?![a-z])", re.I)),
    ("a wavenumber", re.compile(r"(wave[ _]?numbers?|wavn|(?<![a-z])(cm ?\^?\*{0,2}\(?-1|1/cm|kaysers?))", re.I)),
    ("a velocity", re.compile(r"(?<![a-z])(vel\w*|km ?/ ?s|km s-1|vopt|vrad)(?![a-z])", re.I)),
    ("a time", re.compile(r"(?<![a-z])([mhbt]?jd|time|dates?|phase|days?|epoch)(?![a-z])", re.I)),
    ("a count of samples", re.compile(r"(?<![a-z])(pix|pixels?|channels?|index|id|row|num(ber)?)(?![a-z])", re.I)),
    ("a place in the sky", re.compile(r"(?<![a-z])(ra|raj2000|dec|dej2000|right ascension)(?![a-z])", re.I)),
)
# Modified Julian dates from 1990 to 2034: a light curve has them where a spectrum has wavelengths.
_DAYS = (48_000.0, 64_000.0)

# No name and no unit is longer; a search through a longer text could take minutes.
LONGEST = 1000

_FLUX_WORDS: tuple[tuple[FluxKind, re.Pattern[str]], ...] = (
    ("abmag", re.compile(r"(?<![a-z])(ab|ab ?mag\w*|mag_?ab|mags?|magnitudes?)(?![a-z])", re.I)),
    (
        "fnu",
        re.compile(r"((?<![a-z])(milli|micro|nano|[mnuµμ])?(jy|janskys?)(?![a-z])|(erg|w\b).*hz|f_?nu(?![a-z]))", re.I),
    ),
    ("counts", re.compile(r"(?<![a-z])(counts?|electrons?|adu|dn|photons?)(?![a-z])", re.I)),
    ("normalised", re.compile(r"(normali[sz]ed|continuum[- ]divided|rectified)", re.I)),
    ("flattened", re.compile(r"(flattened|continuum[- ]subtracted)", re.I)),
    (
        "flam",
        re.compile(
            r"(erg.*(ang|/ ?aa?\b|a-1|a\^-1|a\*\*-1|å|(?<![a-z])([uµn]m|micron))"
            r"|\A[^w]*w[^m]*m.*([uµn]m|micron)|f_?lam)",
            re.I,
        ),
    ),
)


def parse_wavelength_unit(text: str) -> str | None:
    """Return the wavelength unit that a column name or a header value names, or None."""
    return next((unit for unit, pattern in _UNIT_WORDS if pattern.search(text)), None)


def is_wavelength_unit(text: str) -> bool:
    """Tell whether a unit is one of wavelength, and not of flux per wavelength or a velocity."""
    return parse_wavelength_unit(text) is not None and parse_flux_kind(text) is None and "/" not in text


def parse_flux_kind(text: str) -> FluxKind | None:
    """Return the kind of flux that a column name, a unit or a header value names, or None."""
    return next((kind for kind, pattern in _FLUX_WORDS if pattern.search(text, 0, LONGEST)), None)


def parse_medium(text: str) -> Medium | None:
    """Return whether the words of a header say air or vacuum, or None if they say neither.

    "loglam" is SDSS's name of its column, which is in vacuum.
    """
    if re.search(r"(?<![a-z])(awav|air)(?![a-z])", text, re.I):
        return "air"
    return "vacuum" if re.search(r"(?<![a-z])(vac|vacuum|loglam)(?![a-z])", text, re.I) else None


def parse_other_axis(text: str) -> str | None:
    """Return what a column or axis holds instead of wavelengths ("a frequency"), by its name or unit, or None."""
    if parse_wavelength_unit(text) and not re.search(r"wave[ _]?number", text, re.I):
        return None
    return next((what for what, pattern in _OTHER_AXES if pattern.search(text)), None)


def undo_log(name: str, flux: Array, error: Array | None, receipt: Receipt) -> tuple[Array, Array | None]:
    """Return flux and error, converted if the column's name says that it holds decimal logarithms.

    name: name of the flux column.
    flux: (n,) or (rows, n).
    error: 1σ of the same shape, or None; the error of a logarithm becomes that of the flux.
    """
    if not re.match(r"\W*log_?(10)?[ _(\[]*(f|int)", name, re.I):
        return flux, error
    receipt.guess("flux_scale", "log10", f"the column is named {name}", 0.9)
    flux = 10.0 ** np.clip(flux, -40, 29)
    return flux, None if error is None else np.abs(error) * np.log(10) * flux


def to_angstrom(values: Array, stated: str | None, receipt: Receipt, corrections: Corrections) -> Array:
    """Return wavelengths in Å.

    The user's unit goes first, then the stated one if the numbers can have it, then the one that the numbers suggest.

    values: (n,) in any order, may hold NaN.
    stated: unit that the file states, or None.

    Raises SpectrumError ("wavelength_unit") if no unit makes them optical, ("no_wavelengths") if they are dates.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise SpectrumError(
            "wavelength_unit", "the wavelength column holds no number: choose another wavelength column"
        )
    middle = float(np.median(finite))
    unit: str
    if corrections.wavelength_unit:
        unit, evidence, confidence = corrections.wavelength_unit, "stated by the user", 1.0
    elif stated and _believable(middle, stated):
        unit, evidence, confidence = stated, "the file states it", 0.98
    else:
        unit, evidence, confidence = _from_numbers(middle, finite)
        if stated and stated != unit:
            receipt.warn(
                "unit_contradicted",
                f"the file states the wavelength unit {stated}, but numbers around {middle:.5g} are not in it: "
                f"read as {unit}",
            )
    receipt.guess("wavelength_unit", unit, evidence, confidence)
    if unit in LOGARITHMS:
        return np.asarray(LOGARITHMS[unit] ** np.clip(values, -10, 14))
    return values * _SCALE[unit]


def _believable(middle: float, unit: str) -> bool:
    angstrom = LOGARITHMS[unit] ** min(middle, 14) if unit in LOGARITHMS else middle * _SCALE[unit]
    low, high = _BELIEVABLE[unit]
    return low < angstrom < high


def _from_numbers(middle: float, values: Array) -> tuple[str, str, float]:
    """Return (unit, evidence, confidence) from the median and the range. Raises SpectrumError."""
    first, last = float(values.min()), float(values.max())
    evidence = f"median {middle:.5g}, from {first:.5g} to {last:.5g}"
    # X-shooter covers this range in nm. No instrument covers it in Å.
    if 200 <= first < 1100 and 1900 < last < 2700:
        return "nm", evidence, 0.7
    if first > _DAYS[0] and last < _DAYS[1]:
        raise SpectrumError("no_wavelengths", f"the wavelength column looks like dates of a light curve ({evidence})")
    # From 900 to 1800 the numbers may be the far ultraviolet in Å or the near infrared in nm.
    if 1200 <= middle < 60_000:
        return "angstrom", evidence, 0.95 if last > 1800 else 0.6
    if 200 <= middle < 1200 and first > 90:
        return "nm", evidence, 0.9 if first < 900 else 0.6
    if 3.2 < middle < 4.5 and last - first < 1.0:
        return "log10_angstrom", evidence, 0.85
    if first > 7.5 and last < 10.3 and last - first < 1.7:
        return "ln_angstrom", evidence, 0.6
    if 0.15 < middle < 30.0 and first > 0.05:
        return "um", evidence, 0.8 if middle < 3.0 else 0.5
    if 1.5e-7 < middle < 3e-5:
        return "m", evidence, 0.8
    raise SpectrumError(
        "wavelength_unit",
        f"the wavelength column fits no known unit ({evidence}): choose another wavelength column or state its unit",
    )


def to_flam(
    wavelength: Array,
    flux: Array,
    error: Array | None,
    stated: FluxKind | None,
    receipt: Receipt,
    corrections: Corrections,
) -> tuple[Array, Array | None, FluxKind]:
    """Return flux, error and kind of flux: F_ν and AB magnitudes become F_λ, other kinds stay as they are.

    F_λ = F_ν c / λ² and F_ν ∝ 10^(-0.4 m) (Oke & Gunn 1983), up to a constant factor.

    wavelength: (n,) Å.
    flux: (n,) as in the file.
    error: (n,) 1σ in the units of flux, or None.
    stated: kind of flux that the file states, or None.

    Raises SpectrumError ("no_flux") if the flux column holds no number.
    """
    kind: FluxKind
    if corrections.flux_kind:
        kind, evidence, confidence = corrections.flux_kind, "stated by the user", 1.0
    else:
        kind, evidence, confidence = _flux_kind(flux, stated, receipt)
    receipt.guess("flux_kind", kind, evidence, confidence)
    if kind == "abmag":
        middle = np.nanmedian(flux) if np.isfinite(flux).any() else 0.0
        flux = 10.0 ** np.clip(-0.4 * (flux - middle), -30, 30)
        error = None if error is None else np.abs(error * 0.4 * np.log(10) * flux)
    factor = _coefficient(receipt)
    if kind != "abmag" and factor is not None:
        flux, error = flux * factor, None if error is None else error * factor
    if kind in ("abmag", "fnu"):
        with np.errstate(divide="ignore", invalid="ignore"):
            per_wavelength = (_PIVOT / wavelength) ** 2
        flux, error = flux * per_wavelength, None if error is None else error * per_wavelength
    return flux, error, kind


def _coefficient(receipt: Receipt) -> float | None:
    """Return the factor for the flux that the table beside the file states, or None."""
    try:
        factor = float(receipt.beside.get("FLUX UNIT COEFFICIENT", ""))
    except ValueError:
        return None
    if not 0 < factor < 1e10 or factor == 1:
        return None
    receipt.guess("flux_coefficient", factor, "the table beside the file", 0.95)
    return factor


def _flux_kind(flux: Array, stated: FluxKind | None, receipt: Receipt) -> tuple[FluxKind, str, float]:
    """Return (kind, evidence, confidence)."""
    from_numbers = _kind_from_numbers(flux)
    if stated in ("counts", "normalised") and from_numbers[0] == "flam":
        # The header of the raw frame often survives the flux calibration.
        receipt.warn("flux_contradicted", f"the file states {stated} flux, but numbers this small are F_λ: read as F_λ")
        return from_numbers
    return (stated, "the file states it", 0.95) if stated else from_numbers


def _kind_from_numbers(flux: Array) -> tuple[FluxKind, str, float]:
    finite = flux[np.isfinite(flux)]
    if not finite.size:
        raise SpectrumError("no_flux", "the flux column holds no number: choose another flux column")
    middle = float(np.median(np.abs(finite)))
    evidence = f"median {middle:.3g}"
    if 0 < middle < 1e-9:
        return "flam", evidence, 0.8
    if middle > 100:
        return "counts", evidence, 0.4
    # If all eight pieces lie near 1, somebody divided by the continuum.
    pieces = np.array([np.median(piece) for piece in np.array_split(finite, 8) if piece.size])
    if (np.abs(pieces - 1) < 0.07).all():
        return "normalised", f"every part of it has a median near 1 ({evidence})", 0.7
    return "unknown", f"{evidence}; read as F_λ up to a factor", 0.5


def sigma(values: Array, kind: str) -> Array | None:
    """Return 1σ from a column of errors, variances or inverse variances, or None for "ignore".

    Unusable values become NaN. An inverse variance of zero means that nothing was measured: its σ is infinite.

    kind: "error", "variance", "ivar" or "ignore".
    """
    if kind == "ignore":
        return None
    if kind == "error":
        return values
    if kind == "variance":
        return np.asarray(np.sqrt(np.where(values >= 0, values, np.nan)))
    return np.asarray(np.sqrt(1 / np.where(values >= 0, values, np.nan)))
