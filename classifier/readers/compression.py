"""Recognise zip archives and unpack gzip files within limits."""

from __future__ import annotations

import zlib

from classifier.errors import SpectrumError
from classifier.readers.limits import MAX_GZIP_MEMBERS, MAX_UNPACKED
from classifier.readers.receipt import Receipt


def is_zip(content: bytes) -> bool:
    return content[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def decompress(content: bytes, receipt: Receipt, limit: int = MAX_UNPACKED) -> bytes:
    """Unpack a gzip file, also one of several members; return any other content unchanged.

    receipt: notes the compression, and a warning if the file is cut short.
    limit: most bytes that the unpacked content may have.

    Raises SpectrumError ("bad_gzip", "too_large").
    """
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
                raise SpectrumError(
                    "too_large", f"the gzip file unpacks to more than {limit >> 20} MiB: send a smaller file"
                )
            content = inflate.unused_data
    except zlib.error as error:
        raise SpectrumError("bad_gzip", f"the gzip file is damaged ({error}): send it again or unpacked") from error
    if content[:2] == b"\x1f\x8b":
        raise SpectrumError("bad_gzip", f"the gzip file has more than {MAX_GZIP_MEMBERS} members: send it unpacked")
    if not inflate.eof:
        receipt.warn("truncated", "the gzip file is cut short; only the part before the cut was read")
    return b"".join(unpacked)
