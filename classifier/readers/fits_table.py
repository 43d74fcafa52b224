"""FITS tables with a wavelength and a flux column, one sample a row or whole arrays in a row."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from classifier.errors import SpectrumError
from classifier.readers.checks import warn_rest_frame
from classifier.readers.column_names import best_error, flux_rank, is_other, is_wavelength
from classifier.readers.fits_fibres import fibre_objects
from classifier.readers.fits_image import wcs_axis
from classifier.readers.fits_parts import FitsPart, join_orders, medium_of, same_range, wavelengths
from classifier.readers.limits import MAX_PARTS, MAX_ROWS
from classifier.readers.receipt import Corrections, Receipt
from classifier.readers.units import is_wavelength_unit, parse_flux_kind, parse_medium, sigma, undo_log
from classifier.spectrum import MIN_SAMPLES, Array, Medium

# A name that says nothing of what the column holds.
_NAMELESS = re.compile(r"(col(umn)?|field|c|var|unnamed)?[ _:]*\d+|[xyz]", re.I)
_MAX_SAMPLES = 4_000_000


def read_table(hdu: Any, hdus: Any, receipt: Receipt, corrections: Corrections) -> list[FitsPart]:
    """Return the spectra of a table, or [] if it has no wavelength and flux columns.

    Raises SpectrumError ("too_many_rows", "no_spectrum", "bad_correction", "no_wavelengths" …).
    """
    names = [str(name) for name in hdu.columns.names]
    if int(hdu.header["NAXIS2"]) > MAX_ROWS:
        raise SpectrumError(
            "too_many_rows", f"the table has {int(hdu.header['NAXIS2']):,} rows: at most {MAX_ROWS:,} can be read"
        )
    wave, flux = _main_names(hdu, names, corrections)
    if flux is None or int(hdu.header["NAXIS2"]) == 0:
        return []
    receipt.format = "fits-table"
    if wave is None:
        return _flux_alone(hdu, flux, receipt, corrections) if "CRVAL1" in hdu.header else []
    nameless = _NAMELESS.fullmatch(flux) is not None
    how, confidence = ("their order", 0.6) if nameless else ("their names", 0.95)
    receipt.guess("columns", {"wavelength": wave, "flux": flux}, how, confidence)
    unit = f"{wave if 'log' in wave.lower() or wave.lower().startswith('ln') else ''} {hdu.columns[wave].unit or ''}"
    axis = _column(hdu, wave)
    receipt.rows_read = int(axis.size)
    values = _column(hdu, flux)
    values, error = undo_log(flux, values, _error(hdu, names, flux, receipt, corrections), receipt)
    flux_unit = f"{flux} {hdu.columns[flux].unit or ''}"
    header = _sdss_redshift(hdus) if wave.lower() == "loglam" else {}
    if "rest" in wave.lower():
        warn_rest_frame(receipt, f"the wavelengths are named {wave}")
    medium = _medium(wave, hdu, hdus)
    axis = wavelengths(axis.ravel(), unit.strip(), receipt, corrections).reshape(axis.shape)
    if values.ndim == 1:
        return [FitsPart(axis, values, error, flux_unit, medium, header=header)]
    # Each row is an order or an object. They may share one wavelength axis.
    axis = np.broadcast_to(axis, values.shape)
    objects = fibre_objects([hdu], len(values))
    rows = []
    for i in range(len(values)):
        row = FitsPart(axis[i], values[i], None if error is None else error[i], flux_unit, medium, f"row {i + 1}")
        rows.append(dataclasses.replace(row, header=header))
    if objects and len(set(objects)) > 1 and same_range(rows):
        named = zip(rows, objects, strict=True)
        return [dataclasses.replace(row, label=name, header=header | {"OBJECT": name}) for row, name in named if name]
    return join_orders(rows, receipt)


def _flux_alone(hdu: Any, flux: str, receipt: Receipt, corrections: Corrections) -> list[FitsPart]:
    """Return the spectrum of a flux column whose wavelengths are in the header, as those of an image are."""
    values = _column(hdu, flux)
    if values.ndim != 1 or values.size < MIN_SAMPLES:
        return []
    receipt.rows_read = int(values.size)
    receipt.guess("columns", {"flux": flux}, "its name; the wavelengths come from CRVAL1", 0.8)
    axis = wcs_axis(hdu.header, values.size, receipt, corrections)
    error = _error(hdu, [str(name) for name in hdu.columns.names], flux, receipt, corrections)
    return [FitsPart(axis, values, error, f"{flux} {hdu.columns[flux].unit or ''}", medium_of(hdu.header))]


def _medium(wave: str, hdu: Any, hdus: Any) -> Medium | None:
    """Return air or vacuum by the name of the wavelength column or the headers."""
    return parse_medium(wave) or medium_of(hdu.header) or medium_of(hdus[0].header)


def _main_names(hdu: Any, names: Sequence[str], corrections: Corrections) -> tuple[str | None, str | None]:
    """Return the names of the wavelength and the flux column, None for one that is not there."""
    waves = [name for name in names if is_wavelength(name)]
    # If a table gives both frames, the observed one is read.
    waves.sort(key=lambda name: "rest" in name.lower())
    wave = _chosen(names, corrections.wavelength_column) or next(iter(waves), None)
    wave = wave or _by_unit(hdu, names, is_wavelength_unit)
    ranks = {name: rank for name in names if name != wave and (rank := flux_rank(name)) is not None}
    candidates = [name for name in names if name != wave and not is_other(name) and not best_error([name], "")]
    flux = min(ranks, key=lambda name: ranks[name]) if ranks else _by_unit(hdu, candidates, parse_flux_kind)
    if flux is None and wave is not None and len(candidates) == 1:
        flux = candidates[0]
    if wave is None and flux is None and len(names) > 1 and all(map(_NAMELESS.fullmatch, names)):
        axis = _column(hdu, names[0])
        if axis.ndim == 1 and axis.size >= MIN_SAMPLES and (np.diff(axis) > 0).all():
            wave, flux = names[0], names[1]
    return wave, _chosen(names, corrections.flux_column) or flux


def _by_unit(hdu: Any, names: Sequence[str], is_wanted: Callable[[str], object]) -> str | None:
    """Return the one column whose unit fits, or None if there is none or several."""
    found = [name for name in names if is_wanted(str(hdu.columns[name].unit or ""))]
    return found[0] if len(found) == 1 else None


def _chosen(names: Sequence[str], column: int | None) -> str | None:
    if column is None:
        return None
    if column >= len(names):
        raise SpectrumError(
            "bad_correction", f"the table has no column {column}: choose one from 0 to {len(names) - 1}"
        )
    return names[column]


def _error(hdu: Any, names: Sequence[str], flux: str, receipt: Receipt, corrections: Corrections) -> Array | None:
    """Return 1σ from the column whose name says that it holds errors, or None."""
    if corrections.third_column == "ignore":
        return None
    others = [name for name in names if name != flux]
    found = best_error(others, flux)
    if found is None:
        return None
    column, kind = others[found[0]], corrections.third_column or found[1]
    receipt.guess("error_column", {"column": column, "kind": kind}, "its name", 0.95)
    return sigma(_column(hdu, column), kind)


def _column(hdu: Any, name: str) -> Array:
    """Return a column as float64, (n,) or, if the rows hold arrays, (rows, n). Raises SpectrumError."""
    code = str(hdu.columns[name].format)
    if re.search(r"[AXLCM]", code):
        raise SpectrumError("no_spectrum", f"the column {name} has the format {code}, not plain numbers")
    values = _of_equal_length(hdu, name) if re.search(r"[PQ]", code) else hdu.data[name]
    if values.size > _MAX_SAMPLES:
        raise SpectrumError("too_many_rows", f"the column {name} holds too many numbers: {values.size:,}")
    values = np.asarray(values, dtype=np.float64)
    if values.ndim > 2:
        raise SpectrumError(
            "not_one_dimensional", f"the column {name} has the shape {values.shape}: send the extracted spectrum"
        )
    if values.ndim == 2 and 1 in values.shape:
        return values.ravel()
    return values


def _of_equal_length(hdu: Any, name: str) -> Array:
    """Return (rows, n) from a column of variable-length arrays that all have the same length. Raises SpectrumError."""
    # Each row claims a number of values. They are checked first, since many rows may claim the same piece of file.
    counts = hdu.data.view(np.ndarray)[name][:, 0]
    if len(counts) > MAX_PARTS or (counts != counts[0]).any() or not 0 <= counts.sum() <= _MAX_SAMPLES:
        raise SpectrumError("no_spectrum", f"the column {name} holds arrays of different lengths, or too many numbers")
    rows = [np.asarray(row, dtype=np.float64) for row in hdu.data[name]]
    if len({row.shape for row in rows}) != 1:
        raise SpectrumError("no_spectrum", f"the column {name} points outside of the file: the file is damaged")
    return np.stack(rows)


def _sdss_redshift(hdus: Any) -> dict[str, str]:
    """Return the redshift in the second table of an SDSS spec file, or {}."""
    for other in list(hdus)[2:4]:
        if isinstance(other, fits.BinTableHDU) and "Z" in other.columns.names and other.header["NAXIS2"] == 1:
            return {"Z": str(float(other.data["Z"][0]))}
    return {}
