"""Wavelength axes of IRAF's multispec format, which the WAT2 cards spell out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, legendre

from classifier.errors import SpectrumError
from classifier.spectrum import Array

_SPEC = re.compile(r'spec(\d+)\s*=\s*"([^"]*)"')
_MAX_ORDER = 100
_CHEBYSHEV, _LEGENDRE, _CUBIC_SPLINE, _LINEAR_SPLINE = 1, 2, 3, 4
# Coefficients that each kind has beyond its order or its number of pieces.
_EXTRA = {_CHEBYSHEV: 0, _LEGENDRE: 0, _CUBIC_SPLINE: 3, _LINEAR_SPLINE: 1}


def dispersions(header: Any, apertures: int, samples: int) -> list[Array]:
    """Return the wavelengths of each aperture, (samples,) in the unit of WAT1.

    Raises SpectrumError ("bad_wcs", "unsupported_wcs") if those of an aperture cannot be computed.
    """
    # IRAF cuts the text into cards of 68 characters, even within numbers, and FITS drops blanks at the end of a card.
    cards = [str(header.get(f"WAT2_{number:03}", "")) for number in range(1, 1000)]
    last = max((number for number, card in enumerate(cards) if card), default=-1)
    text = "".join(card.ljust(68) for card in cards[:last]) + (cards[last] if last >= 0 else "")
    specs = {int(number): words.split() for number, words in _SPEC.findall(text)}
    return [_axis(specs.get(number), number, samples) for number in range(1, apertures + 1)]


def _axis(words: list[str] | None, number: int, samples: int) -> Array:
    if words is None or len(words) < 7:
        raise SpectrumError("bad_wcs", f"the header (WAT2) gives no wavelengths for aperture {number}")
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise SpectrumError("bad_wcs", f"the header (WAT2) garbles the wavelengths of aperture {number}") from error
    kind, first, step, redshift = int(values[2]), values[3], values[4], values[6]
    pixel = np.arange(1, samples + 1, dtype=np.float64)
    if kind in (0, 1):
        axis = first + step * (pixel - 1)
        axis = 10.0 ** np.clip(axis, -20, 20) if kind == 1 else axis
    elif kind == 2:
        axis = _functions(values[9:], pixel)
    else:
        raise SpectrumError(
            "unsupported_wcs", f"aperture {number} has no dispersion solution: send the wavelength-calibrated spectrum"
        )
    return np.asarray(axis / (1 + redshift))


def _functions(values: list[float], pixel: Array) -> Array:
    """Return Σ weight · (zero point + function of the pixel) over the functions of a non-linear solution."""
    axis = np.zeros_like(pixel)
    while values:
        if len(values) < 6 or int(values[2]) not in _EXTRA:
            raise SpectrumError(
                "unsupported_wcs",
                "the dispersion function is neither a polynomial nor a spline: send the spectrum as a table",
            )
        weight, zero, kind, order, low, high = values[:6]
        count = int(order) + _EXTRA[int(kind)]
        coefficients = np.array(values[6 : 6 + count])
        if not 0 < order <= _MAX_ORDER or coefficients.size < count or high <= low:
            raise SpectrumError("bad_wcs", "the header (WAT2) garbles the dispersion function")
        along = (pixel - low) / (high - low)
        axis += weight * (zero + _evaluate(int(kind), along, coefficients))
        values = values[6 + count :]
    return axis


def _evaluate(kind: int, along: Array, coefficients: Array) -> Array:
    """Return the function at (n,) places ``along`` the range of the fit, from 0 to 1."""
    if kind in (_CHEBYSHEV, _LEGENDRE):
        evaluate = chebyshev.chebval if kind == _CHEBYSHEV else legendre.legval
        return np.asarray(evaluate(2 * along - 1, coefficients))
    pieces = coefficients.size - _EXTRA[kind]
    place = along * pieces
    piece = np.clip(np.floor(place), 0, pieces - 1).astype(int)
    b = place - piece
    a = 1 - b
    # These bases are from IRAF's help on specwcs; the cubic ones sum to six.
    bases = (a, b) if kind == _LINEAR_SPLINE else (a**3, 1 + 3 * a * (1 + a * b), 1 + 3 * b * (1 + a * b), b**3)
    return np.asarray(sum(coefficients[piece + i] * basis for i, basis in enumerate(bases)))
