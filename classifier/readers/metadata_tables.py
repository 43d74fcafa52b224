"""Tables of metadata beside spectra, as WISeREP and the TNS bundle them: CSV, TSV or JSON, one row a file."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from classifier.errors import SpectrumError
from classifier.readers.json_records import load_json

# Columns that name the file of a row, and columns of which a table that describes spectra has at least one.
_FILE_COLUMN = re.compile(r"(ascii|fits)[ _]?file(name)?|file(name|_name)?", re.I)
_OTHER_COLUMN = re.compile(
    r"(wl|flux|spec|obs|obj|iau)[ _.\-]?\w*|instrument|telescope|redshift|object|transient|ra|dec|comment|remarks|type",
    re.I,
)
_FILE_KEY = re.compile(rb'"((ascii|fits)[ _]?file|file)[ _]?(name)?"\s*:', re.I)
_KEYS = {
    "OBS-DATE": "DATE-OBS",
    "OBSDATE": "DATE-OBS",
    "OBS_DATE": "DATE-OBS",
    "IAU NAME": "OBJECT",
    "OBJNAME": "OBJECT",
    "NAME": "OBJECT",
    "WL_UNITS": "WL UNITS",
    "WL_MEDIUM": "WL MEDIUM",
    "FLUX_UNIT_COEFFICIENT": "FLUX UNIT COEFFICIENT",
    "FLUX_UNIT_COEF": "FLUX UNIT COEFFICIENT",
    "SPEC_UNITS": "SPEC. UNITS",
    "FLUX UNIT": "SPEC. UNITS",
    "EXP-TIME": "EXPTIME",
    "EXP_TIME": "EXPTIME",
}
_MAX_ROWS = 20_000
_MAX_CELL = 500
_MAX_BYTES = 4 << 20
_MAX_JSON_BYTES = 1 << 20

Rows = dict[str, dict[str, str]]
"""Rows of a table by the path of the file that each describes, as the table gives it; keys of a row in upper case."""


def is_metadata_table(content: bytes) -> bool:
    """Tell whether a file describes spectra instead of holding one.

    The first line of such a table names a column of files and at least one more known column.
    """
    head = content[:4096].lstrip(b"\xef\xbb\xbf \r\n")
    if head[:1] in (b"{", b"["):
        names_files = len(content) <= _MAX_JSON_BYTES and _FILE_KEY.search(content) and b"wavelengths" not in content
        return bool(names_files and _from_json(content))
    line = re.split(r"[\r\n]", head.decode("latin-1"), maxsplit=1)[0]
    words = [word.strip().strip('"') for word in re.split(r"[,;\t]", line)]
    return (
        any(_FILE_COLUMN.fullmatch(word) for word in words)
        and sum(bool(_OTHER_COLUMN.fullmatch(word)) for word in words) >= 1
    )


def read_metadata_table(content: bytes) -> Rows:
    """Return the rows of a table, or {} if the table cannot be used."""
    if len(content) > _MAX_BYTES or not is_metadata_table(content):
        return {}
    if content.lstrip(b"\xef\xbb\xbf \r\n")[:1] in (b"{", b"["):
        return _from_json(content)
    text = content.decode("utf-8-sig", errors="replace")
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        reader = csv.DictReader(io.StringIO(text.lstrip()), delimiter=separator)
        return _by_file(row for _, row in zip(range(_MAX_ROWS), reader, strict=False))
    except csv.Error:
        return {}


def _from_json(content: bytes) -> Rows:
    try:
        document = load_json(content)
    except SpectrumError:
        return {}
    return _by_file(_rows_of_json(document, 0))


def _rows_of_json(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Yield the objects that name a file, at any depth: TNS reports nest them three groups deep."""
    if depth > 8:
        return
    if isinstance(value, dict):
        if any(isinstance(key, str) and _FILE_COLUMN.fullmatch(key.strip()) for key in value):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for entry in value[:_MAX_ROWS]:
            yield from _rows_of_json(entry, depth + 1)


def _by_file(rows: Iterator[Mapping[str, Any]]) -> Rows:
    by_file: Rows = {}
    for row in rows:
        metadata: dict[str, str] = {}
        files: list[str] = []
        for key, value in row.items():
            if not isinstance(key, str) or not isinstance(value, str | int | float):
                continue
            name, text = key.strip(), str(value).strip()[:_MAX_CELL]
            if _FILE_COLUMN.fullmatch(name):
                files.append(normal_path(text))
            elif text:
                metadata[_KEYS.get(name.upper(), name.upper())] = text
        by_file.update((file, metadata) for file in files if file)
    return by_file


def normal_path(path: str) -> str:
    """Return a path of an archive or a table with "/" between its folders and without "./" and "x/../"."""
    return posixpath.normpath(path.replace("\\", "/")) if path else ""


def by_base_name(rows: Rows) -> Rows:
    """Return rows by the base names of their files, without those of files that share a name and differ."""
    found: Rows = {}
    differing = {name for path, row in rows.items() if found.setdefault(name := posixpath.basename(path), row) != row}
    return {name: row for name, row in found.items() if name not in differing}


class Folder:
    """Tables of metadata in the folders of the files that are read; each folder is searched once.

    leave_out: table to ignore, such as the manifest of a run.
    """

    def __init__(self, leave_out: Path | None = None) -> None:
        self._leave_out = leave_out
        self._known: dict[Path, Rows] = {}

    def of(self, file: Path) -> dict[str, str]:
        """Return the table row for ``file``, or {} if there is none or the folder cannot be read."""
        folder = file.parent
        if folder not in self._known:
            # Only the last folder is remembered, because files usually come one folder after the other.
            self._known = {folder: self._read(folder)}
        return self._known[folder].get(file.name, {})

    def _read(self, folder: Path) -> Rows:
        rows: Rows = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix.lower() not in (".csv", ".tsv", ".json") or not path.is_file():
                continue
            if self._leave_out is not None and self._leave_out.exists() and path.samefile(self._leave_out):
                continue
            try:
                with path.open("rb") as opened:
                    content = opened.read(_MAX_BYTES + 1)
            except OSError:
                continue
            found = read_metadata_table(content)
            rows |= by_base_name(found) | found
        return rows
