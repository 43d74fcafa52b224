"""Bounds on what a file may cost to read, and unpacking within them."""

from __future__ import annotations

import json
import zlib
from typing import Any

from classifier.errors import SpectrumError
from classifier.readers.receipt import Receipt

MAX_BYTES = 64 << 20
# Of FITS files on disk, which are read piece by piece.
MAX_MAPPED_BYTES = 4 << 30
MAX_UNPACKED = 96 << 20
# Each member copies what is left of the file.
MAX_GZIP_MEMBERS = 16
MAX_ROWS = 500_000
# A nested list costs far more memory than its text, and text tables several times theirs.
MAX_JSON_BYTES = 12 << 20
# Python's search for cycles goes through all that the process holds, again and again as lists grow in number.
MAX_JSON_LISTS = MAX_ROWS + 50_000
MAX_TEXT_BYTES = 48 << 20
MAX_VOTABLE_BYTES = 3 << 20
MAX_LINE = 20_000
MAX_COLUMNS = 32
MAX_UNEVEN_CELLS = 2_000_000
MAX_HEADER_LINES = 5_000
# All spectra of one file together.
MAX_PARTS = 1_000
MAX_ARCHIVE_MEMBERS = 1_000
MAX_ARCHIVE_UNPACKED = 64 << 20
MAX_ARCHIVE_INDEX = 1 << 20
# Estimated, not measured, so that an archive is taken or refused everywhere alike.
MAX_ARCHIVE_SECONDS = 4.0


def is_zip(content: bytes) -> bool:
    return content[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def decompress(content: bytes, receipt: Receipt, limit: int = MAX_UNPACKED) -> bytes:
    """Undo gzip, also of several members one after the other, within ``limit`` bytes; anything else comes back as it
    is. Raises SpectrumError("bad_gzip", "too_large")."""
    if content[:2] != b"\x1f\x8b":
        return content
    receipt.compression = "gzip"
    unpacked: list[bytes] = []
    room = limit
    try:
        while content[:2] == b"\x1f\x8b" and len(unpacked) < MAX_GZIP_MEMBERS:
            inflate = zlib.decompressobj(wbits=31)
            unpacked.append(inflate.decompress(content, room))
            room -= len(unpacked[-1])
            if inflate.unconsumed_tail or room <= 0:
                raise SpectrumError("too_large", f"unpacks to more than {limit >> 20} MiB")
            content = inflate.unused_data
    except zlib.error as error:
        raise SpectrumError("bad_gzip", f"damaged gzip file: {error}") from error
    if not inflate.eof:
        receipt.warn("truncated", "the gzip file ends early; what was there is read")
    return b"".join(unpacked)


def load_json(content: bytes) -> Any:
    """Raises SpectrumError("bad_json", "too_large")."""
    if len(content) > MAX_JSON_BYTES:
        raise SpectrumError("too_large", f"a JSON file may have {MAX_JSON_BYTES >> 20} MiB")
    if content.count(b"[") + content.count(b"{") > MAX_JSON_LISTS:
        raise SpectrumError("too_large", f"a JSON file may have {MAX_JSON_LISTS:,} lists and objects")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SpectrumError("bad_json", f"damaged JSON: {error}"[:300]) from error
