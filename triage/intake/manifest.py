"""A manifest: a table of statements about many files, as the upload page, the API and ``ingest`` take it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from classifier.input_files import Manifest, ManifestError, ManifestRow
from triage.errors import InvalidUploadError
from triage.intake.statements import fault

# So many files without a row, or rows without a file, are named.
MOST_NAMED = 5


def read_manifest(name: str, content: bytes) -> Manifest:
    """Return the manifest in an uploaded file. Raises InvalidUploadError if it cannot be used."""
    try:
        return Manifest(name, io.StringIO(content.decode("utf-8-sig"), newline=""))
    except UnicodeDecodeError as error:
        raise InvalidUploadError(f"{name}: this is not UTF-8 text; save it as such") from error
    except ManifestError as error:
        raise InvalidUploadError(str(error)) from error


def preview(manifest: Manifest, names: Sequence[str]) -> dict[str, Any]:
    """Return what a manifest states about files, by their names, and what in it cannot be used.

    The keys are "files", "without_row", "without_file", "rows_without_file" (the same in words), "unmatched" (what
    ``unmatched`` returns), "unused_columns" and "refused_rows" (why a file's row refuses it).
    """
    rows = {name: manifest.row_of_name(name) for name in names}
    used = [row for row in rows.values() if row is not None]
    return {
        "files": {name: row.values for name, row in rows.items() if row is not None},
        "without_row": [name for name, row in rows.items() if row is None],
        "without_file": manifest.rows_left(used),
        "rows_without_file": rows_without_file(manifest, used),
        "unmatched": unmatched(manifest, names),
        "unused_columns": manifest.unused,
        "refused_rows": [said for row in used if (said := fault(row))],
    }


def unmatched(manifest: Manifest, names: Iterable[str]) -> str:
    """Return in words what of a manifest was not used, and which of the files it does not describe; "" for nothing.

    names: names of the files.
    """
    rows = {name: manifest.row_of_name(name) for name in names}
    without = [name for name, row in rows.items() if row is None]
    said = (rows_without_file(manifest, rows.values()), columns_not_used(manifest), files_without_row(without))
    return "; ".join(filter(None, said))


def columns_not_used(manifest: Manifest) -> str:
    """Return in words which columns of a manifest are not known, or "" if all are."""
    return f"columns that a manifest does not have: {first_few(manifest.unused)}" if manifest.unused else ""


def files_without_row(names: Sequence[str]) -> str:
    """Return in words that a manifest does not describe files, or "" without any."""
    return f"not in the manifest: {first_few(names)}" if names else ""


def rows_without_file(manifest: Manifest, used: Iterable[ManifestRow | None]) -> str:
    """Return in words which rows of a manifest describe none of the files, or "" if each describes one.

    used: rows of the files.
    """
    left = manifest.rows_left(used)
    if not left:
        return ""
    rows = "1 row describes a file that is" if len(left) == 1 else f"{len(left)} rows describe files that are"
    return f"{rows} not here: {first_few(left)}"


def first_few(names: Sequence[str]) -> str:
    """Return the first few names in one line, with the number of the others."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
