"""SkyPortal's records in the desk's terms. Fields that are missing, null or odd give None, never a made-up value."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import math
from datetime import UTC, datetime
from typing import Any

# What the readers of text tables understand; a spectrum without units is taken as it is.
_UNITS = {"Jy": "Jy", "AB": "AB mag", "erg/s/cm/cm/AA": "erg/s/cm2/A"}
# The desk's own kinds of flux, where the server names the units.
_FLUX_KINDS = {"Jy": "fnu", "AB": "abmag", "erg/s/cm/cm/AA": "flam"}


class SkipError(Exception):
    """A spectrum that is not imported; ``reason`` is counted, ``detail`` is for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A spectrum as the text file that intake reads, with what the server says of it beside the samples."""

    content: bytes
    filename: str
    observed_at: datetime | None
    instrument: str
    corrections: dict[str, str]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclasses.dataclass(frozen=True)
class Source:
    """A source's position (deg, ICRS), redshift and other names."""

    name: str
    ra: float | None
    dec: float | None
    redshift: float | None
    redshift_error: float | None
    redshift_origin: str
    aliases: list[str]


def number(value: Any) -> float | None:
    """A finite number, also where it came as a text; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def moment(value: Any) -> datetime | None:
    """Times come without an offset and are UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def text(value: Any, length: int = 120) -> str:
    """One printable line."""
    if not isinstance(value, str | int | float):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())[:length]


def read_source(record: dict[str, Any]) -> Source:
    """Raises SkipError where the record has no name."""
    name = text(record.get("id"), 200)
    if not name:
        raise SkipError("source_without_name")
    redshift = number(record.get("redshift"))
    if redshift is not None and not -0.1 < redshift < 10:
        redshift = None
    ra, dec = number(record.get("ra")), number(record.get("dec"))
    return Source(
        name=name,
        ra=ra if ra is not None and 0 <= ra <= 360 else None,
        dec=dec if dec is not None and -90 <= dec <= 90 else None,
        redshift=redshift,
        redshift_error=number(record.get("redshift_error")) if redshift is not None else None,
        redshift_origin=text(record.get("redshift_origin"), 29) if redshift is not None else "",
        aliases=_aliases(record, name),
    )


def _aliases(record: dict[str, Any], name: str) -> list[str]:
    """``alias`` is a list, a text or null; the TNS name stands apart."""
    given = record.get("alias")
    names = given if isinstance(given, list) else [given]
    cleaned = [text(entry) for entry in [*names, record.get("tns_name")] if isinstance(entry, str)]
    return [alias for alias in dict.fromkeys(cleaned) if alias and alias != name]


def read_spectrum_record(record: dict[str, Any], server: str) -> RemoteFile:
    """The same record always gives the same bytes, so that their hash tells whether it has changed.

    Nulls among the samples stay in the file as nan, and the reader's receipt counts them. Raises SkipError."""
    check_kind(record)
    wavelengths, fluxes, errors = (_samples(record.get(key)) for key in ("wavelengths", "fluxes", "errors"))
    if not wavelengths or not fluxes:
        raise SkipError("no_samples", "the server has no wavelengths or no fluxes")
    if len(wavelengths) != len(fluxes):
        raise SkipError("length_mismatch", f"{len(wavelengths)} wavelengths, but {len(fluxes)} fluxes")
    units = text(record.get("units"))
    observed_at = moment(record.get("observed_at"))
    instrument = text(record.get("instrument_name"))
    remarks = {
        "OBJECT": text(record.get("obj_id")),
        "DATE-OBS": "" if observed_at is None else observed_at.isoformat().replace("+00:00", "Z"),
        "INSTRUME": instrument,
        "TELESCOP": text(record.get("telescope_name")),
        "BUNIT": _UNITS.get(units, units),
        "WAVELENGTH UNITS": "Angstrom",
        "SOURCE": f"{server} spectrum {record.get('id')}",
    }
    if errors and len(errors) != len(fluxes):
        remarks["REMARK"] = f"{len(errors)} errors for {len(fluxes)} fluxes: left out"
        errors = []
    elif all(error is None for error in errors):
        errors = []
    kind = _FLUX_KINDS.get(units)
    return RemoteFile(
        content=_table(remarks, wavelengths, fluxes, errors),
        filename=f"{_file_stem(remarks['OBJECT'])}_skyportal_{record.get('id')}.txt",
        observed_at=observed_at,
        instrument=instrument,
        corrections={"wavelength_unit": "angstrom", **({"flux_kind": kind} if kind else {})},
    )


def check_kind(record: dict[str, Any]) -> None:
    """Raises SkipError for the spectrum of a host; of the transient is only what is called "source"."""
    kind = text(record.get("type")) or "source"
    if kind != "source":
        raise SkipError(f"type_{kind}"[:60], "not a spectrum of the transient itself")


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
    """The redshift that a push holds as CSV, None where it knows none."""
    if not isinstance(table, str):
        return None
    try:
        row = next(csv.DictReader(io.StringIO(table[:10_000])), {})
    except csv.Error:
        return None
    found = number(row.get("redshift"))
    return found if found is not None and -0.1 < found < 10 else None


def failure(message: str) -> dict[str, Any]:
    """The answer to a pushed analysis that has no result."""
    return {"status": "failure", "message": message, "analysis": {}}
