"""Input files of a command: the files that its paths stand for, and what a manifest states about them."""

from __future__ import annotations

import csv
import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self


class ManifestError(Exception):
    """A manifest that cannot be used; the message says where."""


def find_files(paths: Iterable[Path], leave_out: Path | None = None) -> Iterator[tuple[Path, Path]]:
    """Yield (file, name relative to the path it was found under), in order, following links.

    paths: files or folders. A path that does not exist is yielded as a file, so that whoever opens it reports it.
    leave_out: file that is never yielded, such as the manifest, or None.

    A folder that links back to one of its parents is entered once.
    """
    for path in paths:
        if path.is_dir():
            found = iter([(file, file.relative_to(path)) for file in _walk(path)])
        else:
            # One that does not exist is yielded too: whoever opens it says so, and the others go on.
            found = iter([(path, Path(path.name))])
        for file, relative in found:
            if leave_out is None or not (file.exists() and file.samefile(leave_out)):
                yield file, relative


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        found = (Path(parent) / name for name in sorted(files))
        # A pipe or a socket would be waited on for ever; a broken link is yielded, to be told of.
        yield from (file for file in found if file.is_file() or not file.exists())


# Name of a manifest that lies beside its files, in lower case.
MANIFEST = "manifest.csv"
# Columns of a manifest.
COLUMNS = ("transient", "redshift", "observed_at", "instrument", "ra", "dec", "comment")
_EMPTY = {"", "nan", "none", "null", "-"}
MOST_ROWS = 50_000


@dataclasses.dataclass(frozen=True)
class ManifestRow:
    """One file's row in a manifest.

    place: line and manifest, for messages.
    values: texts by column; a column without a value is missing.
    overlong: whether it has more cells than there are columns, so that values may stand in the wrong ones.
    contradictions: by column, the number of a later line that states something else about the same file.
    """

    place: str
    values: dict[str, str]
    overlong: bool
    contradictions: dict[str, int] = dataclasses.field(default_factory=dict)

    def and_line(self, number: int, values: dict[str, str]) -> ManifestRow:
        """Return the row with what a later line about the same file states otherwise."""
        found = {column: number for column in COLUMNS if values.get(column) != self.values.get(column)}
        return dataclasses.replace(self, contradictions=found | self.contradictions)

    def check(self, *columns: str) -> None:
        """Raise ManifestError if another line states something else about the same file in one of the columns."""
        for column in columns:
            if column in self.contradictions:
                lines = f"{self.place} and line {self.contradictions[column]}"
                raise ManifestError(f"{lines}, column {column}: they differ, but are about the same file")

    def redshift(self) -> float | None:
        """Return the redshift, which may have a decimal comma, or None.

        Raises ManifestError for what is no number, for “0,03” without quotation marks, and if another line states
        another one.
        """
        self.check("redshift")
        text = self.values.get("redshift")
        if text is None:
            return None
        if self.overlong and text.isdecimal():
            raise ManifestError(f"{self.place}: more cells than columns; write the redshift with a point")
        try:
            redshift = float(text.replace(",", "."))
        except ValueError:
            redshift = math.nan
        if not math.isfinite(redshift):
            raise ManifestError(f"{self.place}, column redshift: “{text}” is not a number such as 0.034")
        return redshift


class Manifest:
    """Statements about files: a CSV with the column ``file`` (a base name or a relative path) and any of COLUMNS.

    Its cells are divided by commas, or by semicolons as spreadsheets with a decimal comma write them.

    name: its name, for messages.
    lines: its text.
    needed: columns that it must have.

    ``unused`` lists its further columns.

    Raises ManifestError if it cannot be used, or has more than MOST_ROWS rows.
    """

    def __init__(self, name: str, lines: Iterable[str], needed: Sequence[str] = ()) -> None:
        self.name = name
        self.path: Path | None = None
        self.rows: dict[str, ManifestRow] = {}
        self.unused: list[str] = []
        try:
            lines = iter(lines)
            head = next(lines, "")
            delimiter = ";" if head.count(";") > head.count(",") else ","
            self._read(csv.DictReader(itertools.chain([head], lines), delimiter=delimiter), needed)
        except UnicodeDecodeError as error:
            raise ManifestError(f"{name}: this is not UTF-8 text") from error
        except csv.Error as error:
            raise ManifestError(f"{name}: {error}") from error

    @classmethod
    def open(cls, path: Path, needed: Sequence[str] = ()) -> Self:
        """Read the manifest in a file. Raises ManifestError if it cannot be used."""
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                manifest = cls(str(path), file, needed)
        except OSError as error:
            raise ManifestError(f"{path}: {error}") from error
        manifest.path = path
        return manifest

    def _read(self, rows: csv.DictReader[str], needed: Sequence[str]) -> None:
        found = [(name or "").strip().casefold() for name in rows.fieldnames or ()]
        for wanted in ("file", *needed):
            if wanted not in found:
                raise ManifestError(f"{self.name}: there is no column “{wanted}” among {', '.join(found) or 'none'}")
        if not set(COLUMNS) & set(found):
            raise ManifestError(f"{self.name}: beside “file” it needs one of the columns {', '.join(COLUMNS)}")
        rows.fieldnames = found
        self.unused = [column for column in found if column and column not in ("file", *COLUMNS)]
        for number, row in enumerate(rows, start=2):
            if number > MOST_ROWS + 1:
                raise ManifestError(f"{self.name}: a manifest may have {MOST_ROWS:,} rows; divide it")
            texts = {column: (row.get(column) or "").strip() for column in COLUMNS}
            values = {column: text for column, text in texts.items() if text.casefold() not in _EMPTY}
            name = os.path.normpath((row["file"] or "").strip())
            overlong = any(cell.strip() for cell in row.get(None) or ())
            first = self.rows.get(name)
            new = ManifestRow(f"line {number} of {self.name}", values, overlong)
            self.rows[name] = new if first is None else first.and_line(number, values)

    def row_of(self, *names: str) -> ManifestRow | None:
        """Return the row of a file by the first of its names that has one, or None."""
        return next((self.rows[key] for key in map(os.path.normpath, names) if key in self.rows), None)

    def row_of_name(self, name: str) -> ManifestRow | None:
        """Return the row of a file whose folder is not known, or None.

        Without a row of this very name, it is the only row whose path ends with it.
        """
        paths = self._paths_by_base_name.get(os.path.normpath(name), ())
        return self.row_of(name) or (self.rows[paths[0]] if len(paths) == 1 else None)

    @functools.cached_property
    def _paths_by_base_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.rows:
            found.setdefault(Path(path).name, []).append(path)
        return found

    def rows_left(self, used: Iterable[ManifestRow | None]) -> list[str]:
        """Return the files of the rows that are not among the used ones, as the manifest names them."""
        places = {row.place for row in used if row is not None}
        return [name for name, row in self.rows.items() if row.place not in places]

    def row_of_path(self, file: Path, relative: Path) -> ManifestRow | None:
        """Return the row of a file, or None.

        The relative path (to the searched folder, or to the manifest) counts first, then the base name.
        """
        beside = [os.path.relpath(file, self.path.parent)] if self.path else []
        return self.row_of(str(relative), *beside, file.name)
