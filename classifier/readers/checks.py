"""What a finished spectrum itself shows: warnings for the receipt, none of which changes a number."""

from __future__ import annotations

import re

import numpy as np

from classifier.readers.receipt import Receipt
from classifier.spectrum import Spectrum

# What the classifier looks at, and how much of it an answer needs, Å.
_OPTICAL = (3200.0, 10_000.0)
_ENOUGH, _LITTLE = 700.0, 2000.0

# Bands of atmospheric oxygen: trough, and the continuum on either side, Å.
_OXYGEN = (
    ((7594.0, 7640.0), (7500.0, 7575.0), (7700.0, 7770.0)),
    ((6868.0, 6890.0), (6800.0, 6855.0), (6950.0, 7020.0)),
)
_DEPTH = 0.12
_REST_WORDS = re.compile(r"(de-?redshift|rest[ -]?frame|rest[ -]?wave|doppler[ -]?corrected)", re.I)
_REST_NAMES = re.compile(r"(?<![a-z])(rest|restframe|deredshifted|dez|z0)(?![a-z0-9])", re.I)


def look_over(spectrum: Spectrum, receipt: Receipt) -> None:
    """Add warnings on coverage, sign, telluric bands and a redshift that seems to be taken out already."""
    _coverage(spectrum, receipt)
    negative = float((spectrum.flux < 0).mean())
    if negative > 0.2 and spectrum.flux_kind != "flattened":
        receipt.warn("flux_negative", f"{negative:.0%} of the flux values are negative")
    if spectrum.frame == "rest" or "frame" in receipt.corrections:
        return
    words = " ".join(receipt.beside.values())
    if _REST_WORDS.search(words):
        warn_rest_frame(receipt, "the table beside the file speaks of a rest frame")
    elif _REST_NAMES.search(receipt.name.replace("_", " ")):
        warn_rest_frame(receipt, "the file's name speaks of a rest frame")
    _telluric(spectrum, receipt)


def warn_rest_frame(receipt: Receipt, evidence: str) -> None:
    """Say once that a spectrum looks de-redshifted, unless the user has spoken."""
    if "frame" not in receipt.corrections and all(
        warning["code"] != "looks_rest_frame" for warning in receipt.warnings
    ):
        receipt.warn("looks_rest_frame", f"looks de-redshifted: {evidence}; if it is, correct the frame")


def words_of_rest_frame(text: str) -> bool:
    """Whether a header speaks of wavelengths at rest."""
    return _REST_WORDS.search(text) is not None


def _coverage(spectrum: Spectrum, receipt: Receipt) -> None:
    first, last = spectrum.wavelength_range
    optical = max(0.0, min(last, _OPTICAL[1]) - max(first, _OPTICAL[0]))
    if optical < _ENOUGH:
        receipt.warn("coverage_too_small", f"{optical:.0f} Å of the optical: too little for a classification")
    elif optical < _LITTLE:
        receipt.warn("coverage_small", f"only {optical:.0f} Å of the optical: expect an uncertain classification")


def _telluric(spectrum: Spectrum, receipt: Receipt) -> None:
    """Both oxygen bands in absorption at their observed wavelengths: not corrected for. Both at wavelengths shifted by
    the stated redshift: the spectrum was moved to the rest frame after the observation."""
    if _has_oxygen(spectrum, 0.0):
        receipt.warn("telluric_uncorrected", "absorption where the atmosphere's oxygen absorbs (6870, 7600 Å)")
    elif spectrum.redshift is not None and spectrum.redshift > 0.004 and _has_oxygen(spectrum, spectrum.redshift):
        warn_rest_frame(receipt, f"the atmosphere's oxygen absorbs at 7600 Å / (1 + {spectrum.redshift:.4g})")


def _has_oxygen(spectrum: Spectrum, redshift: float) -> bool:
    depths = []
    for trough, blue, red in _OXYGEN:
        inside, left, right = (_mean(spectrum, band, redshift) for band in (trough, blue, red))
        if inside is None or left is None or right is None or left + right <= 0:
            return False
        # A slope is no band: the trough must lie below both sides.
        depths.append(1 - inside / min(left, right) if min(left, right) > 0 else 0.0)
    return depths[0] > _DEPTH and depths[1] > _DEPTH / 3


def _mean(spectrum: Spectrum, band: tuple[float, float], redshift: float) -> float | None:
    low, high = np.searchsorted(spectrum.wavelength, np.array(band) / (1 + redshift))
    return float(np.median(spectrum.flux[low:high])) if high - low >= 2 else None
