"""Input files of a command: the files that its paths stand for, and the redshifts that a manifest gives them."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


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


class Manifest:
    """Redshifts by file: a CSV with the columns ``file`` (a base name or a relative path) and ``redshift``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.redshifts: dict[str, float] = {}
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                self._read(csv.DictReader(file))
        except UnicodeDecodeError as error:
            raise ManifestError(f"{path}: this is not UTF-8 text") from error
        except (OSError, csv.Error) as error:
            raise ManifestError(f"{path}: {error}") from error

    def _read(self, rows: csv.DictReader[str]) -> None:
        found = [(name or "").strip().casefold() for name in rows.fieldnames or ()]
        for wanted in ("file", "redshift"):
            if wanted not in found:
                raise ManifestError(f"{self.path}: there is no column “{wanted}” among {', '.join(found) or 'none'}")
        rows.fieldnames = found
        for number, row in enumerate(rows, start=2):
            text = (row.get("redshift") or "").strip()
            if text.casefold() in {"", "nan", "none", "null", "-"}:
                continue
            try:
                redshift = float(text)
            except ValueError:
                redshift = math.nan
            if not math.isfinite(redshift):
                raise ManifestError(f"{self.path}, line {number}: “{text}” is not a redshift")
            self.redshifts[os.path.normpath((row["file"] or "").strip())] = redshift

    def redshift_of(self, file: Path, relative: Path) -> float | None:
        """Return the redshift that the manifest gives a file, or None.

        The relative path (to the searched folder, or to the manifest) counts first, then the base name.
        """
        beside = os.path.relpath(file, self.path.parent)
        for key in (os.path.normpath(relative), os.path.normpath(beside), file.name):
            if key in self.redshifts:
                return self.redshifts[key]
        return None
