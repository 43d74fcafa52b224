"""Zip archives of spectra: every member is read in memory, within limits on number and size; none is written."""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

from classifier.errors import SpectrumError
from classifier.input_files import COLUMNS, MANIFEST
from classifier.readers import metadata_tables
from classifier.readers.compression import decompress, is_zip
from classifier.readers.limits import (
    MAX_ARCHIVE_INDEX,
    MAX_ARCHIVE_MEMBERS,
    MAX_ARCHIVE_SECONDS,
    MAX_ARCHIVE_UNPACKED,
    MAX_BYTES,
    MAX_PARTS,
)
from classifier.readers.receipt import Corrections, Part, Receipt

Reader = Callable[[bytes, Receipt, Corrections], list[Part]]

_END_OF_INDEX = b"PK\x05\x06"
_ENCRYPTED = 0x1
# Errors that zipfile raises on damaged archives.
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
# Names of pictures and documents.
_DOCUMENT = re.compile(r"\.(png|jpe?g|gif|pdf|ps|eps|docx?|md|html?)$|^readme", re.IGNORECASE)
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_NAMED = 20
_MAX_JSON_TABLES = 20


def read_zip(content: bytes, receipt: Receipt, corrections: Corrections, read: Reader) -> list[Part]:
    """Return every spectrum of a zip archive with its receipt.

    A member's name is only a label, so a name such as "../../x" leads nowhere. Members that cannot be read, and those
    that are no spectra, are listed in warnings of the first receipt.

    content: bytes of the archive.
    receipt: receipt of the archive; each member gets a copy.
    read: function that reads the unpacked bytes of one member.

    Raises SpectrumError ("bad_archive", "too_many_files", "too_large", "too_many_spectra", "no_spectrum").
    """
    receipt.compression = "zip"
    left_out: list[str] = []
    members = list(_members(content, left_out))
    tables, rows = _metadata(members)
    parts: list[Part] = []
    skipped: list[str] = []
    seconds, room = 0.0, MAX_ARCHIVE_UNPACKED
    for path, body in members:
        if path in tables:
            continue
        name = _base_name(path)
        own = receipt.for_part(name)
        own.member = path
        own.beside = rows.get(path, {})
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
            raise SpectrumError("too_large", "the archive takes too long to read in one go: split it into smaller ones")
        if len(parts) > MAX_PARTS:
            raise SpectrumError("too_many_spectra", f"the archive holds more than {MAX_PARTS} spectra: split it")
    if not parts:
        raise SpectrumError(
            "no_spectrum", "; ".join(["no file in the archive can be read as a spectrum", *skipped[:5]])
        )
    if skipped:
        parts[0][1].warn("member_not_read", _listed(skipped, "; "))
    if left_out:
        parts[0][1].warn("members_left_out", f"left out of the archive, as no spectra: {_listed(left_out, ', ')}")
    return parts


def members_called(content: bytes, name: str) -> dict[str, bytes]:
    """Return the files of a zip archive that have this base name, in any case, by path; none for any other content.

    Raises SpectrumError as ``read_zip`` does.
    """
    members = _members(content, []) if is_zip(content) else ()
    return {path: body for path, body in members if _base_name(path).casefold() == name}


def _listed(entries: list[str], between: str) -> str:
    """Return the first entries in one line, with the number of the others."""
    more = f" and {len(entries) - _MAX_NAMED} more" if len(entries) > _MAX_NAMED else ""
    return between.join(entries[:_MAX_NAMED]) + more


def _metadata(members: list[tuple[str, bytes]]) -> tuple[set[str], metadata_tables.Rows]:
    """Return the paths of the members that are tables of metadata, and the row of each member by its path.

    A table names files by their paths from its own folder. A member that is not named so has a row by its base name
    alone, if no other member has that name. The columns of a manifest are left out: they are statements about the
    files, which whoever takes the files in reads (see ``members_called``).
    """
    tables = {path: body for path, body in _candidates(members) if metadata_tables.is_metadata_table(body)}
    by_path: metadata_tables.Rows = {}
    for path, body in tables.items():
        folder = posixpath.dirname(path)
        found = metadata_tables.read_metadata_table(body)
        if _base_name(path).casefold() == MANIFEST:
            found = {file: _not_stated(row) for file, row in found.items()}
        by_path |= {
            metadata_tables.normal_path(posixpath.join(folder, file)): row for file, row in found.items() if row
        }
    by_name, same = metadata_tables.by_base_name(by_path), Counter(_base_name(path) for path, _ in members)
    rows: metadata_tables.Rows = {}
    for path, _ in members:
        name = _base_name(path)
        row = by_path.get(path) or (by_name.get(name) if same[name] == 1 else None)
        if row:
            rows[path] = row
    return set(tables), rows


def _not_stated(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key.lower() not in COLUMNS}


def _estimate(receipt: Receipt, body: bytes) -> float:
    """Return the estimated seconds that reading a member takes on a slow core, from its format and size."""
    if receipt.format.startswith(("fits", "desi")):
        return 2.5e-3 + 2e-8 * len(body)
    if receipt.format == "json":
        return 2.5e-7 * len(body)
    uneven = any(guess["what"] == "table" for guess in receipt.guesses)
    return 5e-4 + receipt.rows_read * (1e-5 if uneven else 8e-7)


def _candidates(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return the members that may be tables of metadata.

    Only the first few JSON files count, because each must be parsed whole to find out.
    """
    json_files = [member for member in members if member[0].lower().endswith(".json")]
    return [m for m in members if m[0].lower().endswith((".csv", ".tsv"))] + json_files[:_MAX_JSON_TABLES]


def _members(content: bytes, left_out: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of the members worth reading, in the archive's order.

    left_out: list to which the names of pictures, documents and empty files are added.
    """
    _check_index(content)
    room = MAX_ARCHIVE_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [(_base_name(info.filename), info) for info in archive.infolist() if not _is_litter(info)]
            left_out.extend(name for name, _ in entries if _DOCUMENT.search(name))
            files = [(name, info) for name, info in entries if not _DOCUMENT.search(name)]
            if len(files) > MAX_ARCHIVE_MEMBERS:
                raise SpectrumError(
                    "too_many_files", f"the archive holds {len(files)} files: at most {MAX_ARCHIVE_MEMBERS} are read"
                )
            for name, info in files:
                if info.flag_bits & _ENCRYPTED or info.compress_type not in _PLAIN:
                    raise SpectrumError(
                        "bad_archive", f"{info.filename[:100]} is encrypted or compressed in an unusual way"
                    )
                with archive.open(info) as member:
                    body = member.read(min(room, MAX_BYTES) + 1)
                room -= len(body)
                if room < 0 or len(body) > MAX_BYTES:
                    raise SpectrumError(
                        "too_large", f"the archive unpacks to more than {MAX_ARCHIVE_UNPACKED >> 20} MiB"
                    )
                if is_zip(body):
                    raise SpectrumError("bad_archive", f"{name} is an archive within the archive: unpack it first")
                if body.strip():
                    yield metadata_tables.normal_path(info.filename), body
                else:
                    left_out.append(f"{name} (empty)")
    except _DAMAGE as error:
        raise SpectrumError("bad_archive", f"the zip archive is damaged: {error}"[:300]) from error


def _base_name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1][:255]


def _is_litter(info: zipfile.ZipInfo) -> bool:
    """Tell whether a member is a folder, or a file that the operating system added."""
    base = _base_name(info.filename)
    return not base or "__MACOSX" in info.filename or base.startswith(".")


def _check_index(content: bytes) -> None:
    """Refuse an archive with a huge index before zipfile reads that index. Raises SpectrumError."""
    at = content.rfind(_END_OF_INDEX, max(0, len(content) - 66_000))
    if at < 0 or len(content) < at + 22:
        raise SpectrumError("bad_archive", "the zip archive is damaged: its index is missing")
    index_bytes = struct.unpack_from("<I", content, at + 12)[0]
    # An index in the zip64 format is for archives over 4 GiB, which are too large anyway.
    if content[max(0, at - 20) : at - 16] == b"PK\x06\x07" or index_bytes > MAX_ARCHIVE_INDEX:
        raise SpectrumError(
            "too_many_files", f"the archive has too large an index: at most {MAX_ARCHIVE_MEMBERS} files are read"
        )
