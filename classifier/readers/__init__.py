"""Reading spectrum files: ``read_spectrum`` finds the format, reads, and states every guess in a receipt."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from classifier.errors import SpectrumError
from classifier.readers.fits import read_fits
from classifier.readers.limits import MAX_BYTES, decompress
from classifier.readers.receipt import CHOICES, Corrections, Reading, Receipt
from classifier.readers.text import read_text

__all__ = ["CHOICES", "Corrections", "Reading", "read_spectrum"]


def read_spectrum(
    file: BinaryIO | bytes | os.PathLike[str] | str,
    name: str | None = None,
    corrections: Corrections | None = None,
) -> Reading:
    """Read one spectrum from a path, an open binary file or its bytes.

    ``name`` (default: the path's) serves the receipt and as a last source of the date. Raises SpectrumError with a
    code and the receipt so far, and OSError for a path that cannot be opened.
    """
    content, name = _content(file, name)
    receipt = Receipt(name, corrections=(corrections or Corrections()).given())
    try:
        content = decompress(content, receipt)
        read = read_fits if _is_fits(content) else read_text
        spectrum = read(content, receipt, corrections or Corrections())
        receipt.describe(spectrum)
    except SpectrumError as error:
        raise SpectrumError(error.code, error.message, receipt.to_dict()) from error
    return Reading(spectrum, receipt.to_dict())


def _is_fits(content: bytes) -> bool:
    """A FITS file has cards of 80 bytes without line ends; a text file may carry such a header line by line."""
    return content[:9] == b"SIMPLE  =" and not re.search(rb"[\r\n]", content[:240])


def _content(file: BinaryIO | bytes | os.PathLike[str] | str, name: str | None) -> tuple[bytes, str]:
    if isinstance(file, bytes):
        content = file
    elif isinstance(file, str | os.PathLike):
        name = name or Path(file).name
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    else:
        content = file.read(MAX_BYTES + 1)
    name = name or "unnamed"
    if len(content) > MAX_BYTES:
        raise SpectrumError("too_large", f"larger than {MAX_BYTES >> 20} MiB", Receipt(name).to_dict())
    if not content.strip(b"\x00 \t\r\n"):
        raise SpectrumError("empty_file", "the file is empty", Receipt(name).to_dict())
    return content, name
