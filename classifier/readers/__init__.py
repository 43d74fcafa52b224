"""Reading spectrum files: ``read_spectrum`` finds the format, reads, and states every guess in a receipt."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers.archive import read_archive
from classifier.readers.beside import Folder, looks_like_table
from classifier.readers.fits import is_fits, parts_of, read_fits, read_large_fits
from classifier.readers.limits import MAX_BYTES, MAX_MAPPED_BYTES, decompress, is_zip
from classifier.readers.lnw import is_lnw, read_lnw
from classifier.readers.receipt import CHOICES, Corrections, Part, Reading, Receipt, printable
from classifier.readers.skyportal import is_json, read_json
from classifier.readers.text import read_text
from classifier.readers.votable import is_votable, read_votable

# bzip2, xz, 7-zip, RAR, zstd
_PACKED = (b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")

# What a file that no reader foresaw may raise in ours or in Astropy: it is refused and kept like any other, and the
# files after it are read.
_UNFORESEEN = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    StopIteration,
    RecursionError,
    Warning,
)

log = logging.getLogger(__name__)

__all__ = ["CHOICES", "Corrections", "Folder", "Reading", "read_spectra", "read_spectrum"]


def read_spectrum(
    file: BinaryIO | bytes | os.PathLike[str] | str,
    name: str | None = None,
    corrections: Corrections | None = None,
    beside: Mapping[str, str] | None = None,
) -> Reading:
    """The first spectrum of a file; further epochs, targets or members are its ``others``. As ``read_spectra``."""
    first, *others = read_spectra(file, name, corrections, beside)
    return dataclasses.replace(first, others=tuple(others))


def read_spectra(
    file: BinaryIO | bytes | os.PathLike[str] | str,
    name: str | None = None,
    corrections: Corrections | None = None,
    beside: Mapping[str, str] | None = None,
) -> list[Reading]:
    """Read every spectrum of a path, an open binary file or its bytes; at least one.

    ``name`` (default: the path's) serves the receipt and as a last source of object and date. ``beside`` is what a
    table of metadata says of the file (see ``Folder``), keys in upper case. Raises SpectrumError with a code and the
    receipt so far, and OSError for a path that cannot be opened.
    """
    corrections = corrections or Corrections()
    large = _large_fits(file)
    content, name = (b"", name or large.name) if large else _content(file, name)
    receipt = Receipt(name, corrections=corrections.given(), beside=dict(beside or {}))
    try:
        # What overflows becomes infinite, and is dropped and counted with the other samples that are not finite.
        with np.errstate(all="ignore"):
            if large:
                parts = read_large_fits(large, receipt, corrections)
            elif is_zip(content):
                parts = read_archive(content, receipt, corrections, _read_one)
            else:
                parts = _read_one(content, receipt, corrections)
    except SpectrumError as error:
        raise SpectrumError(error.code, printable(error.message), receipt.to_dict()) from error
    except _UNFORESEEN as error:
        log.exception("no reader foresaw this file: %r", name)
        message = f"the reader failed on this file ({type(error).__name__}); please report it"
        raise SpectrumError("reader_error", message, receipt.to_dict()) from error
    return [Reading(spectrum, receipt.to_dict()) for spectrum, receipt in parts]


def _read_one(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    content = decompress(content, receipt)
    if content.startswith(_PACKED) or content[257:262] == b"ustar":
        raise SpectrumError(
            "unsupported_archive", "packed in a way that is not read: send it as it is, or as zip or gzip"
        )
    if is_fits(content):
        return read_fits(content, receipt, corrections)
    if looks_like_table(content):
        raise SpectrumError("metadata_table", "a table that describes spectra, not a spectrum")
    if is_json(content):
        return read_json(content, receipt, corrections)
    if is_votable(content):
        return parts_of(*read_votable(content, receipt, corrections), receipt, corrections)
    if is_lnw(content):
        return read_lnw(content, receipt, corrections)
    return read_text(content, receipt, corrections)


def _large_fits(file: BinaryIO | bytes | os.PathLike[str] | str) -> Path | None:
    """The path of a FITS file that is too large to be read whole, or None."""
    if not isinstance(file, str | os.PathLike):
        return None
    path = Path(file)
    if not path.is_file() or not MAX_BYTES < path.stat().st_size <= MAX_MAPPED_BYTES:
        return None
    with path.open("rb") as opened:
        return path if is_fits(opened.read(240)) else None


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
