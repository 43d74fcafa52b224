"""Statements about a file: those of its row in a manifest count before those about all files."""

from __future__ import annotations

import dataclasses
from typing import Any

from classifier.input_files import COLUMNS, ManifestError, ManifestRow
from classifier.readers.coordinates import read_degrees
from classifier.readers.dates import parse_date
from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift
from triage.errors import InvalidManifestRowError, InvalidUploadError
from triage.intake.corrections import make_corrections
from triage.intake.given import Given, check_line
from triage.intake.naming import check_name


def check_statements(given: Given) -> None:
    """Raise InvalidUploadError if one of the statements cannot be true."""
    if given.redshift is not None and not is_plausible_redshift(given.redshift):
        raise InvalidUploadError(f"a redshift must lie {PLAUSIBLE_REDSHIFTS}")
    if not (0 <= (given.ra or 0) < 360 and -90 <= (given.dec or 0) <= 90):
        raise InvalidUploadError("coordinates must lie within 0 to 360° and -90 to 90°")
    check_line("instrument", given.instrument)
    if given.transient:
        check_name(given.transient)
    make_corrections(given.corrections)


def statements(row: ManifestRow | None, given: Given) -> Given:
    """Return the statements about one file: those of its row, and for what the row leaves open those about all files.

    row: the file's row in the manifest, or None.
    given: statements about all files.

    Raises InvalidManifestRowError if a value of the row cannot be read, or cannot be true.
    """
    if row is None:
        return given
    try:
        values = _values(row)
        check_statements(Given(**values))
    except ManifestError as error:
        raise InvalidManifestRowError(str(error)) from error
    except InvalidUploadError as error:
        raise InvalidManifestRowError(f"{row.place}: {error.detail}") from error
    return dataclasses.replace(given, **values)


def _values(row: ManifestRow) -> dict[str, Any]:
    """Return the values of a row by the names of ``Given``. Raises ManifestError."""
    values = row.values
    if row.overlong:
        raise ManifestError(f"{row.place}: more cells than columns; put a value with a comma into quotation marks")
    row.check(*COLUMNS)
    for column, text in values.items():
        if not text.isprintable():
            raise ManifestError(f"{row.place}, column {column}: {text!r} has characters that cannot be stored")
    found: dict[str, Any] = {key: values[key] for key in ("transient", "instrument", "comment") if key in values}
    redshift = row.redshift()
    if redshift is not None:
        found["redshift"] = redshift
    if "observed_at" in values:
        date = parse_date(values["observed_at"])
        if date is None or date.ambiguous:
            text = values["observed_at"]
            raise ManifestError(f"{row.place}, column observed_at: “{text}” is not a date such as 2026-03-04T05:06:07")
        found["observed_at"] = date.at
    if "ra" in values or "dec" in values:
        ra, dec = (read_degrees(values.get(key, ""), hour) for key, hour in (("ra", 15.0), ("dec", 1.0)))
        if ra is None or dec is None:
            raise ManifestError(
                f"{row.place}, columns ra and dec: not coordinates in degrees or as 12:34:56.7 and -12:34:56"
            )
        found["ra"], found["dec"] = ra, dec
    return found


def fault(row: ManifestRow) -> str:
    """Return why a row cannot be used, or "" if it can."""
    try:
        statements(row, Given())
    except InvalidManifestRowError as error:
        return error.detail
    return ""
