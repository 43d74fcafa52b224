"""SNID template files (.lnw): epochs of one object on a logarithmic rest-frame grid, with the continuum divided out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import metadata
from classifier.readers.cleanup import clean_spectrum
from classifier.readers.receipt import Corrections, Part, Receipt
from classifier.spectrum import Array

# Epochs, samples, first and last wavelength (Å), spline knots, name, …, type.
_FIRST_LINE = re.compile(rb"\s*(\d{1,3})\s+(\d{2,5})\s+(\d+\.\d*)\s+(\d+\.\d*)\s+(\d{1,4})\s+(\S+)\s[^\r\n]*[A-Za-z]")
_MAX_EPOCHS, _MAX_SAMPLES, _MAX_KNOTS = 400, 8192, 1000
_MAX_BYTES = 24 << 20


def is_lnw(content: bytes) -> bool:
    """Tell whether the first line is one that SNID's logwave writes."""
    return _FIRST_LINE.match(content[:300]) is not None


def read_lnw(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Return one spectrum for each epoch, in the file's order.

    Raises SpectrumError ("bad_lnw", "no_spectrum").
    """
    receipt.format = "snid-lnw"
    match = _FIRST_LINE.match(content[:300])
    if match is None or len(content) > _MAX_BYTES:
        raise SpectrumError("bad_lnw", "this is not a SNID template file, or one too large to read")
    epochs, samples, knots = int(match[1]), int(match[2]), int(match[5])
    if not 0 < epochs <= _MAX_EPOCHS:
        raise SpectrumError("bad_lnw", f"the first line announces {epochs} epochs: 1 to {_MAX_EPOCHS} can be read")
    if samples > _MAX_SAMPLES or knots > _MAX_KNOTS:
        raise SpectrumError(
            "bad_lnw", f"the first line announces too many samples ({samples}) or spline knots ({knots})"
        )
    lines = content.decode("latin-1").splitlines()[1 : 3 + knots + samples]
    # The fits of the continuum stand before the ages: a line of counts, then a line for each knot.
    ages, values = _numbers(lines[1 + knots : 2 + knots], epochs), _numbers(lines[2 + knots :], epochs)
    if ages.shape[0] != 1 or values.shape[0] != samples:
        raise SpectrumError(
            "bad_lnw",
            f"the file is cut short or damaged: {values.shape[0]} of {samples} rows hold {epochs + 1} numbers",
        )
    receipt.guess("frame", "rest", "SNID templates are in the rest frame", 0.95)
    receipt.guess("flux_kind", "flattened", "SNID divides by the continuum", 0.98)
    known = metadata.collect({"OBJECT": match[6].decode("latin-1")}, receipt)
    # The flag before the ages is 0 if they count from maximum light, else they count from the first spectrum.
    since = "maximum" if ages[0, 0] == 0 else "the first spectrum"
    return _epochs(values, ages[0, 1:], since, receipt, corrections, known)


def _epochs(
    values: Array, ages: Array, since: str, receipt: Receipt, corrections: Corrections, known: dict[str, Any]
) -> list[Part]:
    parts: list[Part] = []
    for column, age in enumerate(ages, start=1):
        label = f"epoch {age:+.1f} d"
        own = receipt.for_part(label) if ages.size > 1 else receipt
        own.guess("phase_days", round(float(age), 2), f"days since {since}, from the file's header", 0.9)
        own.rows_read = values.shape[0]
        try:
            fields = {"flux_kind": "flattened", "frame": "rest", **known}
            parts.append((clean_spectrum(values[:, 0], values[:, column], None, own, corrections, **fields), own))
        except SpectrumError as error:
            receipt.warn("part_not_read", f"{label}: {error}")
    if not parts:
        raise SpectrumError("no_spectrum", "no epoch of the template can be read")
    parts[0][1].warnings.extend(w for w in receipt.warnings if w not in parts[0][1].warnings)
    return parts


def _numbers(lines: list[str], epochs: int) -> Array:
    """Return (rows, 1 + epochs), without any rows if their width differs. Raises SpectrumError ("bad_lnw")."""
    if not any(map(str.strip, lines)):
        return np.empty((0, epochs + 1))
    try:
        values: Array = np.loadtxt(lines, ndmin=2, comments=None, dtype=np.float64)
    except ValueError as error:
        raise SpectrumError("bad_lnw", f"a row holds something other than numbers: {error}"[:200]) from error
    return values if values.shape[1] == epochs + 1 else np.empty((0, epochs + 1))
