"""The wavelength axes that IRAF's multispec format spells out in the WAT2 cards."""

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
# How many coefficients each kind has beyond its order, or its number of pieces.
_EXTRA = {_CHEBYSHEV: 0, _LEGENDRE: 0, _CUBIC_SPLINE: 3, _LINEAR_SPLINE: 1}


def dispersions(header: Any, apertures: int, samples: int) -> list[Array]:
    """(samples,) wavelengths of each aperture, in the unit of WAT1.

    Raises SpectrumError("bad_wcs", "unsupported_wcs") where an aperture has none that can be computed."""
    # A card's value is cut at 68 characters, within words and numbers; FITS drops the blanks at its end.
    cards = [str(header.get(f"WAT2_{number:03}", "")) for number in range(1, 1000)]
    last = max((number for number, card in enumerate(cards) if card), default=-1)
    text = "".join(card.ljust(68) for card in cards[:last]) + (cards[last] if last >= 0 else "")
    specs = {int(number): words.split() for number, words in _SPEC.findall(text)}
    return [_axis(specs.get(number), number, samples) for number in range(1, apertures + 1)]


def _axis(words: list[str] | None, number: int, samples: int) -> Array:
    if words is None or len(words) < 7:
        raise SpectrumError("bad_wcs", f"the header describes no wavelengths for aperture {number}")
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise SpectrumError("bad_wcs", f"the wavelengths of aperture {number} are garbled") from error
    kind, first, step, redshift = int(values[2]), values[3], values[4], values[6]
    pixel = np.arange(1, samples + 1, dtype=np.float64)
    if kind in (0, 1):
        axis = first + step * (pixel - 1)
        axis = 10.0 ** np.clip(axis, -20, 20) if kind == 1 else axis
    elif kind == 2:
        axis = _functions(values[9:], pixel)
    else:
        raise SpectrumError("unsupported_wcs", f"aperture {number} has no dispersion solution")
    return np.asarray(axis / (1 + redshift))


def _functions(values: list[float], pixel: Array) -> Array:
    """Σ weight · (zero point + function of the pixel), over the functions of a non-linear solution."""
    axis = np.zeros_like(pixel)
    while values:
        if len(values) < 6 or int(values[2]) not in _EXTRA:
            raise SpectrumError("unsupported_wcs", "a dispersion function other than polynomials and splines")
        weight, zero, kind, order, low, high = values[:6]
        count = int(order) + _EXTRA[int(kind)]
        coefficients = np.array(values[6 : 6 + count])
        if not 0 < order <= _MAX_ORDER or coefficients.size < count or high <= low:
            raise SpectrumError("bad_wcs", "a garbled dispersion function")
        along = (pixel - low) / (high - low)
        axis += weight * (zero + _evaluate(int(kind), along, coefficients))
        values = values[6 + count :]
    return axis


def _evaluate(kind: int, along: Array, coefficients: Array) -> Array:
    """along: (n,) from 0 to 1 over the range of the fit."""
    if kind in (_CHEBYSHEV, _LEGENDRE):
        evaluate = chebyshev.chebval if kind == _CHEBYSHEV else legendre.legval
        return np.asarray(evaluate(2 * along - 1, coefficients))
    pieces = coefficients.size - _EXTRA[kind]
    place = along * pieces
    piece = np.clip(np.floor(place), 0, pieces - 1).astype(int)
    b = place - piece
    a = 1 - b
    # IRAF's help on specwcs gives these bases; the cubic one sums to six.
    bases = (a, b) if kind == _LINEAR_SPLINE else (a**3, 1 + 3 * a * (1 + a * b), 1 + 3 * b * (1 + a * b), b**3)
    return np.asarray(sum(coefficients[piece + i] * basis for i, basis in enumerate(bases)))
