"""Readers of spectrum files: any supported format becomes a Spectrum and a receipt that lists every guess.

``read_spectra`` finds the format from the content, never from the extension. Each format has a module of its own.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers.compression import decompress, is_zip
from classifier.readers.fits import clean_parts, is_fits, read_fits, read_large_fits
from classifier.readers.json_records import is_json, read_json
from classifier.readers.limits import MAX_BYTES, MAX_MAPPED_BYTES
from classifier.readers.lnw import is_lnw, read_lnw
from classifier.readers.metadata_tables import Folder, is_metadata_table
from classifier.readers.receipt import CHOICES, Corrections, Part, Reading, Receipt, printable
from classifier.readers.snana import is_snana, read_snana
from classifier.readers.text import read_text
from classifier.readers.votable import is_votable, read_votable
from classifier.readers.zip_archive import read_zip

# bzip2, xz, 7-zip, RAR, zstd
_PACKED = (b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")

# Errors that our readers or Astropy may raise on a file that nobody foresaw. Such a file is refused like any other, so
# that it is kept and the files after it are still read.
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
    """Return the first spectrum of a file; the further epochs, targets or archive members are its ``others``.

    The parameters and errors are those of ``read_spectra``.
    """
    first, *others = read_spectra(file, name, corrections, beside)
    return dataclasses.replace(first, others=tuple(others))


def read_spectra(
    file: BinaryIO | bytes | os.PathLike[str] | str,
    name: str | None = None,
    corrections: Corrections | None = None,
    beside: Mapping[str, str] | None = None,
) -> list[Reading]:
    """Read every spectrum of a file and return one Reading for each; there is always at least one.

    file: path, open binary file, or the bytes themselves.
    name: file name for the receipt, by default the path's. The object and the date are taken from it if nothing else
        gives them.
    corrections: what the user states instead of the reader's guesses.
    beside: the file's row in a table of metadata that lies beside it (see ``Folder``), keys in upper case.

    Raises SpectrumError with a code and the receipt so far, or OSError if the path cannot be opened.
    """
    corrections = corrections or Corrections()
    large = _large_fits(file)
    content, name = (b"", name or large.name) if large else _content(file, name)
    receipt = Receipt(name, corrections=corrections.given(), beside=dict(beside or {}))
    try:
        # Numbers that overflow become infinite. They are dropped later and counted as not finite.
        with np.errstate(all="ignore"):
            if large:
                parts = read_large_fits(large, receipt, corrections)
            elif is_zip(content):
                parts = read_zip(content, receipt, corrections, _read_one)
            else:
                parts = _read_one(content, receipt, corrections)
    except SpectrumError as error:
        raise SpectrumError(error.code, printable(error.message), receipt.to_dict()) from error
    except _UNFORESEEN as error:
        log.exception("no reader foresaw this file: %r", name)
        message = f"the reader failed on this file ({type(error).__name__}): this is a bug, please report it"
        raise SpectrumError("reader_error", message, receipt.to_dict()) from error
    return [Reading(spectrum, receipt.to_dict()) for spectrum, receipt in parts]


def _read_one(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    content = decompress(content, receipt)
    if content.startswith(_PACKED) or content[257:262] == b"ustar":
        raise SpectrumError(
            "unsupported_archive", "this kind of archive cannot be opened: send the file unpacked, or as zip or gzip"
        )
    if is_fits(content):
        return read_fits(content, receipt, corrections)
    if is_metadata_table(content):
        raise SpectrumError(
            "metadata_table",
            "this table describes spectra but holds none: send the spectra, or both in one zip archive",
        )
    if is_json(content):
        return read_json(content, receipt, corrections)
    if is_votable(content):
        return clean_parts(*read_votable(content, receipt, corrections), receipt, corrections)
    if is_lnw(content):
        return read_lnw(content, receipt, corrections)
    if is_snana(content):
        return read_snana(content, receipt, corrections)
    return read_text(content, receipt, corrections)


def _large_fits(file: BinaryIO | bytes | os.PathLike[str] | str) -> Path | None:
    """Return the path of a FITS file that is too large to be read into memory, or None for any other file."""
    if not isinstance(file, str | os.PathLike):
        return None
    path = Path(file)
    if not path.is_file() or not MAX_BYTES < path.stat().st_size <= MAX_MAPPED_BYTES:
        return None
    with path.open("rb") as opened:
        return path if is_fits(opened.read(240)) else None


def _content(file: BinaryIO | bytes | os.PathLike[str] | str, name: str | None) -> tuple[bytes, str]:
    """Return the file's bytes and its name. Raises SpectrumError ("too_large", "empty_file")."""
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
        raise SpectrumError(
            "too_large", f"the file is larger than {MAX_BYTES >> 20} MiB: send a smaller one", Receipt(name).to_dict()
        )
    if not content.strip(b"\x00 \t\r\n"):
        raise SpectrumError("empty_file", "the file is empty: send it again", Receipt(name).to_dict())
    return content, name
