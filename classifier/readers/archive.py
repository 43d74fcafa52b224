"""Zip archives: every member is read in memory, never written, within bounds on their number and size."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

from classifier.errors import SpectrumError
from classifier.readers import beside
from classifier.readers.limits import (
    MAX_ARCHIVE_INDEX,
    MAX_ARCHIVE_MEMBERS,
    MAX_ARCHIVE_SECONDS,
    MAX_ARCHIVE_UNPACKED,
    MAX_BYTES,
    MAX_PARTS,
    decompress,
    is_zip,
)
from classifier.readers.receipt import Corrections, Part, Receipt

Reader = Callable[[bytes, Receipt, Corrections], list[Part]]

_END_OF_INDEX = b"PK\x05\x06"
_ENCRYPTED = 0x1
# What zipfile raises on damaged archives.
_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_SKIPPED_NAMED = 20
_MAX_JSON_TABLES = 20


def read_archive(content: bytes, receipt: Receipt, corrections: Corrections, read: Reader) -> list[Part]:
    """Every spectrum of a zip archive, read by ``read``; what cannot be read is named in a warning.

    A member's name is a label alone, so that "../../x" leads nowhere.
    Raises SpectrumError ("bad_archive", "too_many_files", "too_large", "no_spectrum")."""
    receipt.compression = "zip"
    members = list(_members(content))
    tables = {name: body for name, body in _candidates(members) if beside.looks_like_table(body)}
    said: beside.Rows = {}
    for body in tables.values():
        said |= beside.read_table(body)
    parts: list[Part] = []
    skipped: list[str] = []
    seconds, room = 0.0, MAX_ARCHIVE_UNPACKED
    for name, body in members:
        if name in tables:
            continue
        own = receipt.of_part(name)
        own.member = name
        own.beside = said.get(name, {})
        try:
            packed, body = len(body), decompress(body, own, limit=room)
            room -= len(body) if len(body) != packed else 0
            parts.extend(read(body, own, corrections))
        except SpectrumError as error:
            if error.code == "too_large" and own.compression == "gzip":
                raise
            skipped.append(f"{name}: {error}")
        seconds += _estimate(own, body)
        if seconds > MAX_ARCHIVE_SECONDS:
            raise SpectrumError("too_large", "the archive takes too long to read in one go: send it in pieces")
        if len(parts) > MAX_PARTS:
            raise SpectrumError("too_many_spectra", f"more than {MAX_PARTS} spectra in one archive")
    if not parts:
        raise SpectrumError("no_spectrum", "; ".join(["no file in the archive is a spectrum", *skipped[:5]]))
    if skipped:
        more = f" and {len(skipped) - _MAX_SKIPPED_NAMED} more" if len(skipped) > _MAX_SKIPPED_NAMED else ""
        parts[0][1].warn("member_not_read", "; ".join(skipped[:_MAX_SKIPPED_NAMED]) + more)
    return parts


def _estimate(receipt: Receipt, body: bytes) -> float:
    """Seconds that a member cost, by its format and size, on a slow core."""
    if receipt.format.startswith(("fits", "desi")):
        return 2.5e-3 + 2e-8 * len(body)
    if receipt.format == "json":
        return 2.5e-7 * len(body)
    uneven = any(guess["what"] == "table" for guess in receipt.guesses)
    return 5e-4 + receipt.rows_read * (8e-6 if uneven else 8e-7)


def _candidates(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Members that may be tables of metadata; few of the JSON ones, since looking into those takes a whole parse."""
    json = [member for member in members if member[0].lower().endswith(".json")]
    return [m for m in members if m[0].lower().endswith((".csv", ".tsv"))] + json[:_MAX_JSON_TABLES]


def _members(content: bytes) -> Iterator[tuple[str, bytes]]:
    """(base name, bytes) of the members worth reading, in the archive's order."""
    _check_index(content)
    room = MAX_ARCHIVE_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [info for info in archive.infolist() if not _is_litter(info.filename)]
            if len(files) > MAX_ARCHIVE_MEMBERS:
                raise SpectrumError("too_many_files", f"{len(files)} files; an archive may have {MAX_ARCHIVE_MEMBERS}")
            for info in files:
                if info.flag_bits & _ENCRYPTED or info.compress_type not in _PLAIN:
                    raise SpectrumError("bad_archive", f"{info.filename[:100]} is encrypted or packed in an odd way")
                with archive.open(info) as member:
                    body = member.read(min(room, MAX_BYTES) + 1)
                room -= len(body)
                if room < 0 or len(body) > MAX_BYTES:
                    raise SpectrumError("too_large", f"unpacks to more than {MAX_ARCHIVE_UNPACKED >> 20} MiB")
                name = re.split(r"[/\\]", info.filename)[-1][:255]
                if is_zip(body):
                    raise SpectrumError("bad_archive", f"{name}: an archive within the archive")
                if body.strip():
                    yield name, body
    except _DAMAGE as error:
        raise SpectrumError("bad_archive", f"damaged zip archive: {error}"[:300]) from error


def _is_litter(name: str) -> bool:
    """Folders, and what operating systems and people add: __MACOSX, .DS_Store, pictures, documents."""
    base = re.split(r"[/\\]", name)[-1]
    return (
        not base
        or "__MACOSX" in name
        or base.startswith(".")
        or bool(re.search(r"\.(png|jpe?g|gif|pdf|ps|eps|docx?|md|html?)$|^readme", base, re.I))
    )


def _check_index(content: bytes) -> None:
    """Refuse an index that would cost more than the archive is worth, before zipfile reads it."""
    at = content.rfind(_END_OF_INDEX, max(0, len(content) - 66_000))
    if at < 0 or len(content) < at + 22:
        raise SpectrumError("bad_archive", "damaged zip archive: it has no index")
    index_bytes = struct.unpack_from("<I", content, at + 12)[0]
    # Files over 4 GiB need zip64; none as large is read here.
    if content[max(0, at - 20) : at - 16] == b"PK\x06\x07" or index_bytes > MAX_ARCHIVE_INDEX:
        raise SpectrumError("too_many_files", f"an archive may have {MAX_ARCHIVE_MEMBERS} files")
