"""FITS images whose rows are wavelengths, fluxes and errors, like the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers.column_names import is_flux, is_wavelength
from classifier.readers.columns import Table, error_column, main_columns
from classifier.readers.fits_parts import FitsPart, medium_of, wavelengths
from classifier.readers.limits import MAX_ROWS
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import MIN_SAMPLES, Array

_TITLES = ("ROW", "ARRAY")
_MAX_COLUMNS = 12


def row_titles(header: Any, rows: int) -> list[str]:
    """Return the titles of the rows from the cards ROW1 … or ARRAY1 …, as 2dF, GAMA and Panacea write them, or []."""
    for key in _TITLES:
        titles = [str(header.get(f"{key}{number}", "")).strip() for number in range(1, rows + 1)]
        if any(map(is_flux, titles)):
            return titles
    return []


def titled_rows(
    cube: Array, titles: list[str], receipt: Receipt, corrections: Corrections
) -> tuple[Array, Array | None]:
    """Return flux and error (or None), (n,) each, from an image whose header gives the wavelengths.

    cube: (rows, n).
    titles: one title a row.
    """
    table = Table([], titles, [], cube.T)
    flux = corrections.flux_column
    if flux is None:
        flux = next(i for i, title in enumerate(titles) if is_flux(title))
    if flux >= len(titles):
        raise SpectrumError(
            "bad_correction", f"the image has no row {flux}: choose a flux column from 0 to {len(titles) - 1}"
        )
    receipt.guess("row", flux, f"its title is {titles[flux]}", 0.95)
    return table.values[:, flux], error_column(table, -1, flux, {}, receipt, corrections)


def read_rows(hdu: Any, receipt: Receipt, corrections: Corrections) -> list[FitsPart]:
    """Return the spectrum of an image with a row of wavelengths, or [] if no row holds them."""
    shape = tuple(int(hdu.header.get(f"NAXIS{axis}", 1)) for axis in (2, 1))
    few, many = min(shape), max(shape)
    if int(hdu.header["NAXIS"]) != 2 or not (2 <= few <= _MAX_COLUMNS and MIN_SAMPLES < many <= MAX_ROWS):
        return []
    values = np.asarray(hdu.data, dtype=np.float64)
    values = values.T if shape[0] == few else values
    titles = row_titles(hdu.header, few)
    if not any(map(is_wavelength, titles)):
        titles = []
        if not any(_is_wavelengths(values[:, column]) for column in range(few)):
            return []
    table = Table([], titles, [], values)
    receipt.format, receipt.rows_read = "fits-image", many
    wave, flux = main_columns(table, receipt, corrections)
    axis = wavelengths(values[:, wave], str(hdu.header.get("CUNIT1", "")), receipt, corrections)
    error = error_column(table, wave, flux, {}, receipt, corrections)
    return [FitsPart(axis, values[:, flux], error, str(hdu.header.get("BUNIT", "")), medium_of(hdu.header))]


def _is_wavelengths(values: Array) -> bool:
    steps = np.diff(values)
    return bool(np.isfinite(values).all() and values.min() > 0 and ((steps > 0).all() or (steps < 0).all()))
