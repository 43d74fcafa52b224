"""Reading SkyPortal's records. What is missing, null or odd becomes None, never an invented value."""

from __future__ import annotations

import csv
import dataclasses
import functools
import hashlib
import io
from datetime import datetime
from typing import Any

from classifier.spectrum import is_plausible_redshift
from triage.services.fields import moment, number, text

# SkyPortal's units as the readers of text tables spell them; a spectrum without units is taken as it is.
_UNITS = {"Jy": "Jy", "AB": "AB mag", "erg/s/cm/cm/AA": "erg/s/cm2/A"}


class SkipError(Exception):
    """A spectrum is not imported.

    reason: short code that the runs count.
    detail: explanation for people.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A remote spectrum as a text file that intake can read.

    content: the server's samples as a table.
    filename: name that the table gets here.
    observed_at: UTC, or None if the server does not know it.
    instrument: name of the instrument, or "".
    original: the file that was uploaded to the server, or None if the server does not send it.
    original_name: name of that file, or "".
    """

    content: bytes
    filename: str
    observed_at: datetime | None
    instrument: str
    original: bytes | None
    original_name: str

    @functools.cached_property
    def content_hash(self) -> str:
        """Return a hash that tells whether the spectrum has changed. The server's address is not in it."""
        lines = self.content.splitlines(keepends=True)
        return hashlib.sha256(b"".join(line for line in lines if not line.startswith(b"# SOURCE:"))).hexdigest()


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of a SkyPortal.

    name: its name there.
    ra, dec: position in degrees (ICRS), or None.
    redshift, redshift_error: as stated there, or None.
    redshift_origin: where the redshift comes from, or "".
    aliases: its other names.
    """

    name: str
    ra: float | None
    dec: float | None
    redshift: float | None
    redshift_error: float | None
    redshift_origin: str
    aliases: list[str]


def read_source(record: dict[str, Any]) -> Source:
    """Read a source. Raises SkipError if the record has no name."""
    name = text(record.get("id"), 200)
    if not name:
        raise SkipError("source_without_name")
    redshift = number(record.get("redshift"))
    if redshift is not None and not is_plausible_redshift(redshift):
        redshift = None
    error = number(record.get("redshift_error"))
    ra, dec = number(record.get("ra")), number(record.get("dec"))
    return Source(
        name=name,
        ra=ra if ra is not None and 0 <= ra <= 360 else None,
        dec=dec if dec is not None and -90 <= dec <= 90 else None,
        redshift=redshift,
        redshift_error=error if redshift is not None and error is not None and error > 0 else None,
        redshift_origin=text(record.get("redshift_origin"), 29) if redshift is not None else "",
        aliases=_aliases(record, name),
    )


def _aliases(record: dict[str, Any], name: str) -> list[str]:
    """Return the other names. ``alias`` may be a list, a text or null; the TNS name has a field of its own."""
    given = record.get("alias")
    names = given if isinstance(given, list) else [given]
    cleaned = [text(entry) for entry in [*names, record.get("tns_name")] if isinstance(entry, str)]
    return [alias for alias in dict.fromkeys(cleaned) if alias and alias != name]


def read_spectrum_record(record: dict[str, Any], server: str) -> RemoteFile:
    """Write a remote spectrum as a text file.

    The same record always gives the same bytes. Nulls among the samples become nan, which the reader's receipt counts.

    record: the spectrum as the server sends it.
    server: address of the server, for the file's header.

    Raises SkipError if the record is not of a transient or has no usable samples.
    """
    check_kind(record)
    wavelengths, fluxes, errors = (_samples(record.get(key)) for key in ("wavelengths", "fluxes", "errors"))
    if not wavelengths or not fluxes:
        raise SkipError("no_samples", "the server has no wavelengths or no fluxes for this spectrum")
    if len(wavelengths) != len(fluxes):
        raise SkipError("length_mismatch", f"there are {len(wavelengths)} wavelengths, but {len(fluxes)} fluxes")
    remarks = _header(record, server)
    if errors and len(errors) != len(fluxes):
        remarks["REMARK"] = f"{len(errors)} errors for {len(fluxes)} fluxes; the errors were left out"
        errors = []
    elif all(error is None for error in errors):
        errors = []
    return RemoteFile(
        content=_table(remarks, wavelengths, fluxes, errors),
        filename=f"{_file_stem(remarks['OBJECT'])}_skyportal_{text(record.get('id'))}.txt",
        observed_at=moment(record.get("observed_at")),
        instrument=remarks["INSTRUME"],
        original=_original(record.get("original_file_string")),
        original_name=text(record.get("original_file_filename"), 255),
    )


def _original(sent: Any) -> bytes | None:
    """Return the bytes of an original file, which the server keeps as text."""
    try:
        return sent.encode() if isinstance(sent, str) and sent else None
    except UnicodeEncodeError:
        return None


def _header(record: dict[str, Any], server: str) -> dict[str, str]:
    """Return the header of the text file; unknown values are ""."""
    units = text(record.get("units"))
    observed_at = moment(record.get("observed_at"))
    return {
        "OBJECT": text(record.get("obj_id")),
        "DATE-OBS": "" if observed_at is None else observed_at.isoformat().replace("+00:00", "Z"),
        "INSTRUME": text(record.get("instrument_name")),
        "TELESCOP": text(record.get("telescope_name")),
        "BUNIT": _UNITS.get(units, units),
        "WAVELENGTH UNITS": "Angstrom",
        "SOURCE": f"{server} spectrum {text(record.get('id'))}",
    }


def check_kind(record: dict[str, Any]) -> None:
    """Raise SkipError unless the spectrum is of the transient itself, whose type the server calls "source"."""
    kind = text(record.get("type")) or "source"
    if kind != "source":
        raise SkipError(f"type_{kind}"[:60], "this is not a spectrum of the transient itself")


def _samples(values: Any) -> list[float | None]:
    return [number(value) for value in values] if isinstance(values, list) else []


def _table(
    remarks: dict[str, str], wavelengths: list[float | None], fluxes: list[float | None], errors: list[float | None]
) -> bytes:
    lines = [f"# {key}: {value}" for key, value in remarks.items() if value]
    lines.append("# wavelength flux flux_error" if errors else "# wavelength flux")
    for i, (wavelength, flux) in enumerate(zip(wavelengths, fluxes, strict=True)):
        if wavelength is None:
            lines.append("# a sample without wavelength")
            continue
        cells = [wavelength, flux, *errors[i : i + 1]]
        lines.append(" ".join("nan" if cell is None else repr(cell) for cell in cells))
    return ("\n".join(lines) + "\n").encode()


def _file_stem(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-+." else "_" for c in name)[:120] or "unnamed"


def redshift_in(table: Any) -> float | None:
    """Return the redshift in the CSV table of a pushed analysis, or None if it states none."""
    if not isinstance(table, str):
        return None
    try:
        row = next(csv.DictReader(io.StringIO(table[:10_000])), {})
    except csv.Error:
        return None
    redshift = number(row.get("redshift"))
    return redshift if redshift is not None and is_plausible_redshift(redshift) else None


def failure(message: str) -> dict[str, Any]:
    """Return the answer to a pushed analysis that has no result."""
    return {"status": "failure", "message": message, "analysis": {}}
