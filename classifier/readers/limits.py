"""Bounds on what a file may cost to read, and unpacking within them."""

from __future__ import annotations

import zlib

from classifier.errors import SpectrumError
from classifier.readers.receipt import Receipt

MAX_BYTES = 64 << 20
MAX_UNPACKED = 96 << 20
MAX_ROWS = 1_000_000


def decompress(content: bytes, receipt: Receipt) -> bytes:
    """Undo gzip, within MAX_UNPACKED; other archives are refused by name."""
    if content[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        raise SpectrumError("archive", "a zip archive: unpack it and send the files in it")
    if content[:2] != b"\x1f\x8b":
        return content
    receipt.compression = "gzip"
    inflate = zlib.decompressobj(wbits=31)
    try:
        unpacked = inflate.decompress(content, MAX_UNPACKED)
    except zlib.error as error:
        raise SpectrumError("bad_gzip", f"damaged gzip file: {error}") from error
    if inflate.unconsumed_tail:
        raise SpectrumError("too_large", f"unpacks to more than {MAX_UNPACKED >> 20} MiB")
    return unpacked
