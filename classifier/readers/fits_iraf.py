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
    """Σ weight · (zero point + polynomial of the pixel), over the functions of a non-linear solution."""
    axis = np.zeros_like(pixel)
    while values:
        if len(values) < 6 or int(values[2]) not in (1, 2):
            raise SpectrumError("unsupported_wcs", "a dispersion function other than Chebyshev or Legendre polynomials")
        weight, zero, kind, order = values[0], values[1], int(values[2]), int(values[3])
        low, high, coefficients = values[4], values[5], values[6 : 6 + order]
        if not 0 < order <= _MAX_ORDER or len(coefficients) < order or high <= low:
            raise SpectrumError("bad_wcs", "a garbled dispersion function")
        x = (2 * pixel - (high + low)) / (high - low)
        evaluate = chebyshev.chebval if kind == 1 else legendre.legval
        axis += weight * (zero + evaluate(x, coefficients))
        values = values[6 + order :]
    return axis
