"""Archives: each of their spectra with what a manifest inside of the archive states about its file."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterator, Sequence

from classifier.input_files import MANIFEST, Manifest, ManifestRow
from classifier.readers import Reading
from classifier.readers.zip_archive import members_called
from triage.errors import InvalidManifestRowError, InvalidUploadError
from triage.intake.given import Given
from triage.intake.manifest import columns_not_used, files_without_row, read_manifest, rows_without_file
from triage.intake.statements import statements

# Code of warnings that a manifest and the files in its archive do not match.
PARTLY_USED = "manifest_partly_used"


@dataclasses.dataclass(frozen=True)
class DescribedReading:
    """One spectrum of a file, with the statements about it.

    number: its number among the file's spectra, from 0.
    reading: the reading.
    given: statements about it.
    """

    number: int
    reading: Reading
    given: Given


def describe(content: bytes, readings: Sequence[Reading], given: Given) -> list[DescribedReading]:
    """Return the spectra of a file with the statements about each, without those that a manifest's row refuses.

    A bad row refuses the spectra of its own file alone. The receipt of the first spectrum warns of that, and of what
    else in a manifest was not used.

    content: bytes of the file.
    readings: all spectra that were read from it; at least one.
    given: statements about the whole file. In an archive, they hold for what a row leaves open.

    Raises InvalidUploadError if a manifest in the archive cannot be used, and InvalidManifestRowError if all spectra
    are refused.
    """
    manifests = _manifests(content)
    described: list[DescribedReading] = []
    rows: dict[str, ManifestRow | None] = {}
    refused: dict[str, str] = {}
    for number, reading in enumerate(readings):
        member = reading.receipt.get("member") or ""
        rows[member] = _row_of(member, manifests)
        try:
            described.append(DescribedReading(number, reading, statements(rows[member], given)))
        except InvalidManifestRowError as error:
            refused[member] = error.detail
    if not described:
        raise InvalidManifestRowError("; ".join(list(refused.values())[:5]))
    warnings = [*_refusals(refused), *_not_used(manifests, rows)]
    return [_warned(described[0], warnings), *described[1:]] if warnings else described


def _manifests(content: bytes) -> dict[str, Manifest]:
    """Return the manifests in an archive by their paths. Raises InvalidUploadError if one cannot be used."""
    try:
        return {path: read_manifest(path, body) for path, body in members_called(content, MANIFEST).items()}
    except InvalidUploadError as error:
        raise InvalidUploadError(f"nothing was stored: mend the manifest or take it out. {error.detail}") from error


def _row_of(member: str, manifests: dict[str, Manifest]) -> ManifestRow | None:
    """Return the row of an archive's file in the nearest manifest that has one, or None.

    A manifest describes the files of its folder and of those within.
    """
    for path in sorted(manifests, key=len, reverse=True):
        folder = posixpath.dirname(path)
        inside = posixpath.relpath(member, folder or ".")
        if not inside.startswith("../") and (row := manifests[path].row_of(inside, posixpath.basename(member))):
            return row
    return None


def _refusals(refused: dict[str, str]) -> Iterator[tuple[str, str]]:
    for member, reason in refused.items():
        yield "member_not_read", f"{posixpath.basename(member)}: {reason}"


def _not_used(manifests: dict[str, Manifest], rows: dict[str, ManifestRow | None]) -> Iterator[tuple[str, str]]:
    """Yield code and message of a warning for each manifest of which something was not used.

    rows: row of each file in the archive.
    """
    for path, manifest in manifests.items():
        said = [rows_without_file(manifest, rows.values()), columns_not_used(manifest)]
        if any(said):
            yield PARTLY_USED, f"in {path}, {'; '.join(filter(None, said))}"
    without = [posixpath.basename(member) for member, row in rows.items() if row is None]
    if manifests and without:
        yield PARTLY_USED, files_without_row(without)


def _warned(described: DescribedReading, warnings: Sequence[tuple[str, str]]) -> DescribedReading:
    receipt = described.reading.receipt
    added = [{"code": code, "message": message} for code, message in warnings]
    reading = dataclasses.replace(described.reading, receipt={**receipt, "warnings": [*receipt["warnings"], *added]})
    return dataclasses.replace(described, reading=reading)
