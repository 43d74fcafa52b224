"""JSON as SkyPortal and Fritz give it: a spectrum, a list or the spectra of a source, in the API's envelope or bare."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import metadata, units
from classifier.readers.checks import warn_rest_frame
from classifier.readers.finish import finish
from classifier.readers.limits import MAX_PARTS, MAX_ROWS, load_json
from classifier.readers.receipt import Corrections, Part, Receipt
from classifier.spectrum import MIN_SAMPLES, Array, FluxKind

# What the API's "units" means; null is what most instruments' files come as.
_UNITS: dict[str, FluxKind] = {"jy": "fnu", "ab": "abmag", "erg/s/cm/cm/aa": "flam"}
_FIELDS = ("obj_id", "observed_at", "instrument_name", "telescope_name", "exposure_time", "redshift", "origin")
_WAVELENGTHS = ("wavelengths", "wavelength", "wave", "lambda")
_FLUXES = ("fluxes", "flux")
_NAMES_ELSEWHERE = {
    "instrument": "instrument_name",
    "telescope": "telescope_name",
    "exposure": "exposure_time",
    "u_fluxes": "units",
    "u_wavelengths": "wavelength_units",
    "name": "obj_id",
}
_ERRORS = ("errors", "flux_errors", "fluxerr", "error", "flux_error")


def is_json(content: bytes) -> bool:
    return content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def read_json(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Every spectrum of the document. Raises SpectrumError ("bad_json", "too_large", "no_spectrum")."""
    receipt.format = "json"
    records = _records(load_json(content))
    if not records:
        raise SpectrumError("no_spectrum", "the JSON holds no object with wavelengths and fluxes")
    if len(records) > MAX_PARTS:
        raise SpectrumError("too_many_spectra", f"{len(records)} spectra in one file; {MAX_PARTS} are read at most")
    if len(records) == 1:
        return [_part(records[0], receipt, corrections)]
    parts: list[Part] = []
    refused: list[str] = []
    for number, record in enumerate(records, start=1):
        own = receipt.of_part(
            str(record.get("original_file_filename") or record.get("id") or f"spectrum {number}")[:200]
        )
        try:
            parts.append(_part(record, own, corrections))
        except SpectrumError as error:
            refused.append(f"{own.part}: {error}")
    if not parts:
        raise SpectrumError("no_spectrum", "; ".join(["no spectrum in the JSON can be read", *refused[:5]]))
    if refused:
        parts[0][1].warn("part_not_read", "; ".join(refused[:20]))
    return parts


def _records(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, dict):
        if _is_rows(document.get("data")):
            return [_of_rows(document)]
        if len(document) == 1 and isinstance(only := next(iter(document.values())), dict):
            document = only
        for key in ("data", "spectra", "spectrum"):
            if isinstance(document.get(key), dict | list):
                found = _records(document[key])
                # The source's own name and redshift stand beside its list of spectra.
                outer = {field: document[field] for field in _FIELDS if document.get(field) is not None}
                if isinstance(document.get("name"), str):
                    outer.setdefault("obj_id", document["name"])
                return [outer | record for record in found]
        return [document] if _first(document, _WAVELENGTHS) is not None else []
    if _is_rows(document):
        return [_of_rows({"data": document})]
    if isinstance(document, list):
        return [record for entry in document[: MAX_PARTS + 1] if isinstance(entry, dict) for record in _records(entry)]
    return []


def _is_rows(value: Any) -> bool:
    """[[wavelength, flux], …], as the Open Supernova Catalog and many scripts write a spectrum."""
    return isinstance(value, list) and len(value) >= MIN_SAMPLES and all(isinstance(row, list) for row in value)


def _of_rows(record: dict[str, Any]) -> dict[str, Any]:
    """A record of rows as one of columns, with the names that SkyPortal has for what stands beside them."""
    rows = record["data"]
    if len(rows) > MAX_ROWS:
        raise SpectrumError("too_many_rows", f"{len(rows):,} samples")
    width = min(map(len, rows))
    if width < 2:
        raise SpectrumError("one_column", "rows of one number: wavelengths and flux are both needed")
    columns = dict(
        zip(("wavelengths", "fluxes", "errors"), ([row[i] for row in rows] for i in range(width)), strict=False)
    )
    said = {_NAMES_ELSEWHERE.get(key, key): value for key, value in record.items() if key != "data"}
    if record.get("u_time") in ("MJD", "JD"):
        said["altdata"] = {record["u_time"]: record.get("time")}
    return said | columns


def _first(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if isinstance(record.get(key), list)), None)


def _part(record: dict[str, Any], receipt: Receipt, corrections: Corrections) -> Part:
    wavelength, flux = _numbers(_first(record, _WAVELENGTHS)), _numbers(_first(record, _FLUXES))
    receipt.rows_read = int(wavelength.size)
    if wavelength.size != flux.size:
        raise SpectrumError("shape_mismatch", f"{wavelength.size} wavelengths and {flux.size} fluxes")
    error: Array | None = _numbers(_first(record, _ERRORS))
    if error is not None and (error.size != flux.size or not np.isfinite(error).any()):
        if error.size:
            receipt.warn("error_unusable", f"{error.size} errors for {flux.size} fluxes; left out")
        error = None
    axis = units.to_angstrom(wavelength, _wavelength_unit(record), receipt, corrections)
    unit = str(record.get("units") or "")
    said = _UNITS.get(unit.strip().lower()) or units.flux_said(unit)
    flux, error, kind = units.to_flam(axis, flux, error, said, receipt, corrections)
    if record.get("deredshifted"):
        warn_rest_frame(receipt, "the record is marked as de-redshifted")
    if record.get("type") in ("host", "host_center"):
        receipt.warn("host_spectrum", "marked as a spectrum of the host galaxy, not of the transient")
    header = {field.upper(): str(record[field]) for field in _FIELDS if record.get(field) is not None}
    extra = record.get("altdata")
    if isinstance(extra, dict):
        header = {str(k).upper(): str(v)[:500] for k, v in list(extra.items())[:500] if v is not None} | header
    header["OBJECT"] = str(record.get("obj_id") or record.get("object") or header.get("OBJECT", ""))
    known = metadata.collect(header, receipt)
    return finish(axis, flux, error, receipt, corrections, flux_kind=kind, **known), receipt


def _wavelength_unit(record: dict[str, Any]) -> str | None:
    """SkyPortal's wavelengths are in Å; a JSON that is not SkyPortal's may name its unit."""
    said = units.unit_said(str(record.get("wavelength_units") or record.get("wavelength_unit") or ""))
    return said or ("angstrom" if "obj_id" in record and "u_time" not in record else None)


def _numbers(values: Any) -> Array:
    """(n,) float64; null and what is no number become NaN."""
    if not isinstance(values, list):
        return np.empty(0)
    if len(values) > MAX_ROWS:
        raise SpectrumError("too_many_rows", f"{len(values):,} samples")
    try:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([value if isinstance(value, float) else np.nan for value in values], dtype=np.float64)
