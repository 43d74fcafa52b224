"""VOTables, as services of the Virtual Observatory give spectra: the first table with wavelengths and fluxes."""

from __future__ import annotations

import io
import math
import re
import warnings
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.votable import exceptions, parse
from astropy.utils.exceptions import AstropyWarning

from classifier.errors import SpectrumError
from classifier.readers.fits_parts import FitsPart
from classifier.readers.fits_table import read_table
from classifier.readers.limits import MAX_VOTABLE_BYTES
from classifier.readers.receipt import Corrections, Receipt

# Errors that the parser raises on damaged documents.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    RecursionError,
    exceptions.VOTableSpecError,
    # Some of the parser's warnings are raised as errors.
    exceptions.VOWarning,
)
_MAX_TABLES = 50
# Fields, parameters and groups cost far more than their bytes, and fields of the same name more again.
_ELEMENT = re.compile(rb"<(?!/|(?:\w+:)?T[RD]\b)")
_MAX_ELEMENTS = 1_000
_ARRAY_SIZE = re.compile(rb"arraysize\s*=\s*[\"']([^\"']*)")
_PROMISED_ROWS = re.compile(rb"nrows\s*=\s*(\"[^\"]*\"|'[^']*')")
_MAX_ARRAY = 100_000


def is_votable(content: bytes) -> bool:
    return re.match(rb"(\xef\xbb\xbf)?\s*<(\?xml|VOTABLE)", content[:200], re.I) is not None and (
        b"<VOTABLE" in content[:4096] or b":VOTABLE" in content[:4096]
    )


def read_votable(content: bytes, receipt: Receipt, corrections: Corrections) -> tuple[list[FitsPart], dict[str, str]]:
    """Return the spectra of the first table that holds any, and the document's parameters by name in upper case.

    Raises SpectrumError ("bad_votable", "too_large", "no_spectrum" …).
    """
    receipt.format = "votable"
    if len(content) > MAX_VOTABLE_BYTES:
        raise SpectrumError(
            "too_large", f"the VOTable is larger than {MAX_VOTABLE_BYTES >> 20} MiB: send a smaller one"
        )
    # Nested entities can expand without limit, and the parser would fetch a stream from any address.
    if b"<!ENTITY" in content or b"<!DOCTYPE" in content or (b"STREAM" in content and b"href" in content):
        raise SpectrumError(
            "bad_votable",
            "the VOTable declares entities or takes its data from elsewhere: send one with the data in it",
        )
    if len(_ELEMENT.findall(content)) > _MAX_ELEMENTS:
        raise SpectrumError("bad_votable", f"the VOTable has more than {_MAX_ELEMENTS} elements besides its rows")
    sizes = [math.prod(map(int, re.findall(rb"\d{1,18}", size))) for size in _ARRAY_SIZE.findall(content)]
    if sum(sizes) > _MAX_ARRAY:
        raise SpectrumError("bad_votable", f"the VOTable declares arrays of {sum(sizes):,} numbers, which is too many")
    # The parser would allocate memory for as many rows as the document promises.
    content = _PROMISED_ROWS.sub(b"", content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            document = parse(io.BytesIO(content), verify="ignore")
            header = {
                str(p.name).upper(): str(p.value) for p in document.iter_fields_and_params() if hasattr(p, "value")
            }
            return _first(document, receipt, corrections), header
        except _DAMAGE as error:
            raise SpectrumError("bad_votable", f"the VOTable is damaged: {error}"[:300]) from error


def _first(document: Any, receipt: Receipt, corrections: Corrections) -> list[FitsPart]:
    for _, table in zip(range(_MAX_TABLES), document.iter_tables(), strict=False):
        rows = table.to_table()
        for field in table.fields:
            if str(field.ucd or "").lower().startswith("em.wl") and field.name in rows.colnames:
                rows.rename_column(field.name, "wavelength")
        plain = [name for name in rows.colnames if np.issubdtype(rows[name].dtype, np.number)]
        hdu = fits.table_to_hdu(rows[plain]) if plain and len(rows) else None
        parts = read_table(hdu, [hdu], receipt, corrections) if hdu is not None else []
        if parts:
            receipt.format = "votable"
            return parts
    raise SpectrumError("no_spectrum", "no table of the VOTable holds wavelengths and fluxes")
