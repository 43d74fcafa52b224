"""SNANA text files: one transient with its light curve, and its spectra in rows that begin with SPEC."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import metadata
from classifier.readers.cleanup import clean_spectrum
from classifier.readers.limits import MAX_ROWS, MAX_TEXT_BYTES
from classifier.readers.receipt import Corrections, Part, Receipt
from classifier.readers.several import read_each
from classifier.spectrum import Array

_SPEC_ROW = re.compile(rb"(?m)^SPEC:[ \t]+[\d.+-]")
_DEFAULT_NAMES = ("LAMMIN", "LAMMAX", "FLAM", "FLAMERR")
_WAVELENGTHS = ("LAMAVG", "LAM", "LAMBDA", "WAVE")
_FLUXES, _ERRORS = ("FLAM", "FLUX"), ("FLAMERR", "FLUXERR")


def is_snana(content: bytes) -> bool:
    """Tell whether a text has rows of spectra as SNANA writes them."""
    return b"SPEC:" in content and _SPEC_ROW.search(content) is not None


def read_snana(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Return the spectra in the file's order. Raises SpectrumError ("too_large", "no_spectrum" …)."""
    receipt.format = "snana"
    if len(content) > MAX_TEXT_BYTES or content.count(b"\n") > MAX_ROWS:
        raise SpectrumError("too_large", f"the file has more than {MAX_ROWS:,} lines: split it")
    shared: dict[str, str] = {}
    names: Sequence[str] = _DEFAULT_NAMES
    spectra: list[tuple[dict[str, str], list[str]]] = []
    for line in content.decode("latin-1").splitlines():
        key, _, value = line.strip().partition(":")
        key, value = key.strip().upper(), value.split("#")[0].strip()
        if key == "SPEC":
            if not spectra:
                spectra.append(({}, []))
            spectra[-1][1].append(value)
        elif key == "VARNAMES_SPEC":
            names = value.upper().split()
        elif key == "SPECTRUM_ID":
            spectra.append(({"SPECTRUM_ID": value}, []))
        elif key.startswith("SPECTRUM_") and spectra:
            spectra[-1][0][key] = value
        else:
            shared.setdefault(key, value)
    filled = [one for one in spectra if one[1]]
    return read_each(
        filled,
        lambda one, number: f"spectrum {one[0].get('SPECTRUM_ID', number)}",
        lambda one, own: _part(one[1], names, shared | one[0], own, corrections),
        receipt,
        "the file",
    )


def _part(
    rows: list[str], names: Sequence[str], header: dict[str, str], receipt: Receipt, corrections: Corrections
) -> Part:
    receipt.rows_read = len(rows)
    try:
        values: Array = np.loadtxt(rows, ndmin=2, comments=None, dtype=np.float64)
    except ValueError as cause:
        raise SpectrumError("bad_snana", f"a row holds something other than numbers: {cause}"[:200]) from cause
    columns = dict(zip(names, values.T, strict=False))
    wavelength = next((columns[name] for name in _WAVELENGTHS if name in columns), None)
    if wavelength is None and {"LAMMIN", "LAMMAX"} <= columns.keys():
        wavelength = 0.5 * (columns["LAMMIN"] + columns["LAMMAX"])
        receipt.guess("wavelength", "middle of each bin", "LAMMIN and LAMMAX", 0.98)
    flux = next((columns[name] for name in _FLUXES if name in columns), None)
    error = next((columns[name] for name in _ERRORS if name in columns), None)
    if wavelength is None or flux is None:
        raise SpectrumError("no_spectrum", f"the columns {' '.join(names)[:80]} hold no wavelength or no flux")
    known = metadata.collect(header, receipt)
    return clean_spectrum(wavelength, flux, error, receipt, corrections, flux_kind="flam", **known), receipt
