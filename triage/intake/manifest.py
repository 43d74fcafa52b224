"""Statements of a sender about many files: a manifest, as the upload page, the API and ``ingest`` take it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

from classifier.input_files import Manifest, ManifestError, ManifestRow
from classifier.readers.coordinates import read_degrees
from classifier.readers.dates import parse_date
from triage.errors import InvalidUploadError
from triage.intake.given import Given


def read_manifest(name: str, content: bytes) -> Manifest:
    """Return the manifest in an uploaded file. Raises InvalidUploadError if it cannot be used."""
    try:
        manifest = Manifest(name, io.StringIO(content.decode("utf-8-sig"), newline=""))
        for row in manifest.rows.values():
            statements(row, Given())
    except UnicodeDecodeError as error:
        raise InvalidUploadError(f"{name}: this is not UTF-8 text") from error
    except ManifestError as error:
        raise InvalidUploadError(str(error)) from error
    return manifest


def statements(row: ManifestRow | None, given: Given) -> Given:
    """Return the statements about one file: those of its row, and for what the row leaves open those about all files.

    row: the file's row in the manifest, or None.
    given: statements about all files.

    Raises ManifestError if a value cannot be read.
    """
    if row is None:
        return given
    values = row.values
    if odd := [text for text in values.values() if not text.isprintable()]:
        raise ManifestError(f"{row.place}: {odd[0]!r} has characters that cannot be stored")
    changes: dict[str, object] = {key: values[key] for key in ("transient", "instrument", "comment") if key in values}
    if row.redshift is not None:
        changes["redshift"] = row.redshift
    if "observed_at" in values:
        date = parse_date(values["observed_at"])
        if date is None or date.ambiguous:
            raise ManifestError(f"{row.place}: “{values['observed_at']}” is not a date such as 2026-03-04T05:06:07")
        changes["observed_at"] = date.at
    if "ra" in values or "dec" in values:
        ra, dec = (read_degrees(values.get(key, ""), hour) for key, hour in (("ra", 15.0), ("dec", 1.0)))
        if ra is None or dec is None:
            raise ManifestError(f"{row.place}: ra and dec are not coordinates in degrees or as 12:34:56.7")
        changes["ra"], changes["dec"] = ra, dec
    return dataclasses.replace(given, **changes)  # type: ignore[arg-type]


def preview(manifest: Manifest, names: Sequence[str]) -> dict[str, Any]:
    """Return what a manifest states about files, by their names, and what in it cannot be used.

    The keys are "files", "without_row", "without_file", "unused_columns" and "uneven_rows".
    """
    rows = {name: manifest.row_of(name) for name in names}
    used = [row for row in rows.values() if row is not None]
    return {
        "files": {name: row.values for name, row in rows.items() if row is not None},
        "without_row": [name for name, row in rows.items() if row is None],
        "without_file": [name for name, row in manifest.rows.items() if row not in used],
        "unused_columns": manifest.unused,
        "uneven_rows": manifest.uneven,
    }
