"""Spectra in JSON: records of SkyPortal and Fritz, of the Open Supernova Catalog, and plain rows or columns.

A SkyPortal document is one spectrum, a list of them, or a source with its spectra, in the API's envelope or without.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers import metadata, units
from classifier.readers.checks import warn_rest_frame
from classifier.readers.cleanup import clean_spectrum
from classifier.readers.limits import MAX_JSON_BYTES, MAX_JSON_LISTS, MAX_PARTS, MAX_ROWS
from classifier.readers.receipt import Corrections, Part, Receipt
from classifier.readers.several import read_each
from classifier.spectrum import MIN_SAMPLES, Array, FluxKind

# Kind of flux for each value of the API's "units"; most instruments leave it null.
_UNITS: dict[str, FluxKind] = {"jy": "fnu", "ab": "abmag", "erg/s/cm/cm/aa": "flam"}
_FIELDS = ("obj_id", "observed_at", "instrument_name", "telescope_name", "exposure_time", "redshift", "origin")
_WAVELENGTHS = ("wavelengths", "wavelength", "wave", "lambda")
_FLUXES = ("fluxes", "flux")
# Fields of the Open Supernova Catalog, and what SkyPortal calls them.
_SKYPORTAL_NAMES = {
    "instrument": "instrument_name",
    "telescope": "telescope_name",
    "exposure": "exposure_time",
    "u_fluxes": "units",
    "u_wavelengths": "wavelength_units",
    "name": "obj_id",
}
# Modified Julian days of the years 1910 to 2100.
_FIRST_DAY, _LAST_DAY = 19_000, 88_000
_ERRORS = ("errors", "flux_errors", "fluxerr", "error", "flux_error")


def is_json(content: bytes) -> bool:
    return content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def load_json(content: bytes) -> Any:
    """Parse a JSON document within limits on its size. Raises SpectrumError ("bad_json", "too_large")."""
    if len(content) > MAX_JSON_BYTES:
        raise SpectrumError("too_large", f"the JSON file is larger than {MAX_JSON_BYTES >> 20} MiB: split it")
    if content.count(b"[") + content.count(b"{") > MAX_JSON_LISTS:
        raise SpectrumError("too_large", f"the JSON file has more than {MAX_JSON_LISTS:,} lists and objects: split it")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SpectrumError("bad_json", f"the JSON is damaged: {error}"[:300]) from error


def read_json(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Return every spectrum of the document with its receipt.

    Raises SpectrumError ("bad_json", "too_large", "too_many_spectra", "no_spectrum" …).
    """
    receipt.format = "json"
    records = _records(load_json(content))
    if not records:
        raise SpectrumError("no_spectrum", "the JSON holds no record with lists of wavelengths and fluxes")
    return read_each(records, _label, lambda record, own: _part(record, own, corrections), receipt, "the JSON")


def _label(record: dict[str, Any], number: int) -> str:
    return str(record.get("original_file_filename") or record.get("id") or f"spectrum {number}")[:200]


def _records(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, dict):
        if _is_rows(document.get("data")):
            return [_rows_to_columns(document)]
        if document and all(map(_is_of_open_catalog, document.values())):
            return [
                _of_open_catalog(entry, name)
                for name, fields in document.items()
                for entry in fields["spectra"][: MAX_PARTS + 1]
            ]
        if len(document) == 1 and isinstance(only := next(iter(document.values())), dict):
            document = only
        for key in ("data", "spectra", "spectrum"):
            if isinstance(document.get(key), dict | list):
                records = _records(document[key])
                # A source has its name and redshift beside its list of spectra.
                outer = {field: document[field] for field in _FIELDS if document.get(field) is not None}
                if isinstance(document.get("name"), str):
                    outer.setdefault("obj_id", document["name"])
                return [outer | record for record in records]
        return [document] if _first(document, _WAVELENGTHS) is not None else []
    return _records_of_list(document) if isinstance(document, list) else []


def _records_of_list(document: list[Any]) -> list[dict[str, Any]]:
    if _is_rows(document):
        return [_rows_to_columns({"data": document})]
    if len(document) >= MIN_SAMPLES and all(map(_is_sample, document)):
        return [{key: [sample.get(key) for sample in document] for key in document[0]}]
    return [record for entry in document[: MAX_PARTS + 1] if isinstance(entry, dict) for record in _records(entry)]


def _is_sample(value: Any) -> bool:
    """Tell whether a value is one sample, {"wavelength": 3800.0, "flux": 1.2}, as pandas writes the rows of a table."""
    return isinstance(value, dict) and any(isinstance(value.get(key), int | float) for key in _WAVELENGTHS)


def _is_of_open_catalog(value: Any) -> bool:
    """Tell whether a value is {"spectra": [[…], …]}, as the API of the Open Astronomy Catalogs gives it for a name."""
    spectra = value.get("spectra") if isinstance(value, dict) else None
    return isinstance(spectra, list) and bool(spectra) and all(isinstance(entry, list) for entry in spectra)


def _of_open_catalog(entry: list[Any], name: str) -> dict[str, Any]:
    """Return a record from the values of one spectrum, which that API gives in the order of the question.

    They are a date in modified Julian days, [[wavelength, flux], …] or a list for each of these, and words.
    """
    record: dict[str, Any] = {"obj_id": name}
    rows = entry if _is_rows(entry) else next(filter(_is_rows, entry), None)
    if rows is not None:
        record |= _rows_to_columns({"data": rows})
    else:
        columns = [value for value in entry if isinstance(value, list)]
        record |= dict(zip(("wavelengths", "fluxes", "errors"), columns, strict=False))
    days = _numbers([value for value in entry if isinstance(value, str | int | float)])
    if (dates := days[(days > _FIRST_DAY) & (days < _LAST_DAY)]).size and rows is not entry:
        record["altdata"] = {"MJD": float(dates[0])}
    # The answer states no unit. This field keeps obj_id from meaning that SkyPortal's unit holds.
    return record | {"u_time": "MJD"}


def _is_rows(value: Any) -> bool:
    """Tell whether a value is [[wavelength, flux], …], as the Open Supernova Catalog and many scripts write it."""
    return isinstance(value, list) and len(value) >= MIN_SAMPLES and all(isinstance(row, list) for row in value)


def _rows_to_columns(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of rows as one of columns, under SkyPortal's names."""
    rows = record["data"]
    if len(rows) > MAX_ROWS:
        raise SpectrumError("too_many_rows", _too_many(len(rows)))
    width = min(map(len, rows))
    if width < 2:
        raise SpectrumError(
            "one_column", "a row holds only one number: a spectrum needs a wavelength column and a flux column"
        )
    columns = dict(
        zip(("wavelengths", "fluxes", "errors"), ([row[i] for row in rows] for i in range(width)), strict=False)
    )
    fields = {_SKYPORTAL_NAMES.get(key, key): value for key, value in record.items() if key != "data"}
    if record.get("u_time") in ("MJD", "JD"):
        fields["altdata"] = {record["u_time"]: record.get("time")}
    return fields | columns


def _first(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if isinstance(record.get(key), list)), None)


def _part(record: dict[str, Any], receipt: Receipt, corrections: Corrections) -> Part:
    wavelength, flux = _numbers(_first(record, _WAVELENGTHS)), _numbers(_first(record, _FLUXES))
    receipt.rows_read = int(wavelength.size)
    if wavelength.size != flux.size:
        raise SpectrumError("shape_mismatch", f"the record has {wavelength.size} wavelengths but {flux.size} fluxes")
    error: Array | None = _numbers(_first(record, _ERRORS))
    if error is not None and (error.size != flux.size or not np.isfinite(error).any()):
        if error.size:
            receipt.warn(
                "error_unusable",
                f"the errors were not used: there are {error.size} of them for {flux.size} fluxes, or none is a number",
            )
        error = None
    axis = units.to_angstrom(wavelength, _wavelength_unit(record), receipt, corrections)
    unit = str(record.get("units") or "")
    stated = _UNITS.get(unit.strip().lower()) or units.parse_flux_kind(unit)
    flux, error, kind = units.to_flam(axis, flux, error, stated, receipt, corrections)
    if record.get("deredshifted"):
        warn_rest_frame(receipt, "the record is marked as de-redshifted")
    if record.get("type") in ("host", "host_center"):
        receipt.warn("host_spectrum", "the record is marked as a spectrum of the host galaxy, not of the transient")
    header = {field.upper(): str(record[field]) for field in _FIELDS if record.get(field) is not None}
    extra = record.get("altdata")
    if isinstance(extra, dict):
        header = {str(k).upper(): str(v)[:500] for k, v in list(extra.items())[:500] if v is not None} | header
    header["OBJECT"] = str(record.get("obj_id") or record.get("object") or header.get("OBJECT", ""))
    known = metadata.collect(header, receipt)
    return clean_spectrum(axis, flux, error, receipt, corrections, flux_kind=kind, **known), receipt


def _too_many(samples: int) -> str:
    return f"the spectrum has {samples:,} samples: at most {MAX_ROWS:,} can be read"


def _wavelength_unit(record: dict[str, Any]) -> str | None:
    """Return the unit that the record names, else Å for a record of SkyPortal, else None."""
    stated = units.parse_wavelength_unit(str(record.get("wavelength_units") or record.get("wavelength_unit") or ""))
    return stated or ("angstrom" if "obj_id" in record and "u_time" not in record else None)


def _numbers(values: Any) -> Array:
    """Return (n,) float64, with NaN for null and for values that are not numbers. Raises SpectrumError."""
    if not isinstance(values, list):
        return np.empty(0)
    if len(values) > MAX_ROWS:
        raise SpectrumError("too_many_rows", _too_many(len(values)))
    try:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan
