"""FITS: one-dimensional images with a linear or logarithmic WCS, and binary tables."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from classifier.errors import SpectrumError
from classifier.readers import metadata, units
from classifier.readers.limits import MAX_ROWS
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import Array, Spectrum

_WAVELENGTH = re.compile(r"^(wave|lambda|lam$|wl|loglam|log_?lam|log_?wave|wvl)", re.I)
_FLUX = re.compile(r"^(flux|flam|f_?lambda|fnu|spec|counts?|intensity)", re.I)
_ERROR = re.compile(r"(err|sig|std|unc)", re.I)
_IVAR = re.compile(r"ivar", re.I)
_VARIANCE = re.compile(r"var", re.I)


def read_fits(content: bytes, receipt: Receipt, corrections: Corrections) -> Spectrum:
    """Read the first extension that holds a spectrum. Raises SpectrumError ("bad_fits", "no_spectrum", …)."""
    receipt.format = "fits"
    with warnings.catch_warnings():
        # Headers in the wild break the standard in ways that do not touch the spectrum.
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            with fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=True) as hdus:
                return _first_spectrum(hdus, receipt, corrections)
        except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, fits.VerifyError) as error:
            raise SpectrumError("bad_fits", f"damaged FITS file: {error}") from error


def _first_spectrum(hdus: Any, receipt: Receipt, corrections: Corrections) -> Spectrum:
    primary = {str(key).upper(): str(value) for key, value in hdus[0].header.items() if key}
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            found = _table(hdu, receipt, corrections)
        elif hdu.header.get("NAXIS", 0) and isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU):
            found = _image(hdu, receipt, corrections)
        else:
            continue
        if found is not None:
            wavelength, flux, error, known = found
            header = {**primary, **{str(k).upper(): str(v) for k, v in hdu.header.items() if k}}
            known |= metadata.collect(header, receipt)
            return units.finish(wavelength, flux, error, receipt, corrections, **known)
    raise SpectrumError("no_spectrum", "no extension holds a one-dimensional spectrum")


def _image(
    hdu: Any, receipt: Receipt, corrections: Corrections
) -> tuple[Array, Array, Array | None, dict[str, Any]] | None:
    header = hdu.header
    samples = int(header.get("NAXIS1", 0))
    if not 0 < samples <= MAX_ROWS or "CRVAL1" not in header:
        return None
    data = np.asarray(hdu.data, dtype=np.float64)
    if data.ndim > 1:
        data = _first_band(data, receipt)
    receipt.format, receipt.rows_read = "fits-image", samples
    flux, kind = units.to_flam(
        wavelength := _wcs_wavelength(header, samples, receipt, corrections),
        data,
        units.flux_said(str(header.get("BUNIT", ""))),
        receipt,
        corrections,
    )
    return wavelength, flux, None, {"flux_kind": kind, "medium": _medium(header)}


def _first_band(data: Array, receipt: Receipt) -> Array:
    """IRAF multispec stacks bands (optimal, raw, sky, error) of one aperture: the first is the spectrum. Several
    apertures are several orders or objects, and are not joined blindly."""
    if data.ndim == 3 and data.shape[1] == 1:
        receipt.guess("band", 0, f"{data.shape[0]} bands: the first is the extracted spectrum", 0.9)
        return np.asarray(data[0, 0])
    if data.ndim == 2 and data.shape[0] == 1:
        return np.asarray(data[0])
    if data.ndim == 2 and data.shape[0] <= 4:
        receipt.guess("band", 0, f"{data.shape[0]} rows: the first taken as the spectrum", 0.6)
        return np.asarray(data[0])
    raise SpectrumError("not_one_dimensional", f"an image of shape {data.shape} is no one-dimensional spectrum")


def _wcs_wavelength(header: Any, samples: int, receipt: Receipt, corrections: Corrections) -> Array:
    step = header.get("CDELT1", header.get("CD1_1"))
    if not step:
        step = header.get("CD1_1")
    if not step:
        raise SpectrumError("no_wcs", "the header gives no wavelength step (CDELT1 or CD1_1)")
    pixel = np.arange(1, samples + 1) - float(header.get("CRPIX1", 1.0))
    axis = np.asarray(float(header["CRVAL1"]) + pixel * float(step), dtype=np.float64)
    kind = str(header.get("CTYPE1", "")).upper()
    logarithmic = int(header.get("DC-FLAG", 0) or 0) == 1 or "LOG" in kind
    if not logarithmic and not corrections.wavelength_unit and 2.9 < axis[0] < 4.6 and 2.9 < axis[-1] < 4.6:
        logarithmic = True
    if logarithmic:
        natural = float(axis[0]) > 5
        receipt.guess("wavelength_scale", "ln" if natural else "log10", "DC-FLAG, CTYPE1 or the values", 0.95)
        return np.asarray(np.exp(axis) if natural else 10.0**axis)
    return units.to_angstrom(axis, units.unit_said(str(header.get("CUNIT1", ""))), receipt, corrections)


def _medium(header: Any) -> str | None:
    said = f"{header.get('CTYPE1', '')} {header.get('AIRORVAC', '')} {header.get('VACUUM', '')}".upper()
    if "AWAV" in said or "AIR" in said:
        return "air"
    return "vacuum" if "VAC" in said else None


def _table(
    hdu: Any, receipt: Receipt, corrections: Corrections
) -> tuple[Array, Array, Array | None, dict[str, Any]] | None:
    names: Sequence[str] = hdu.columns.names
    wave = _find(names, _WAVELENGTH)
    flux_name = _find([n for n in names if not (_ERROR.search(n) or _VARIANCE.search(n))], _FLUX)
    if wave is None or flux_name is None or hdu.header["NAXIS2"] > MAX_ROWS:
        return None
    receipt.format = "fits-table"
    raw = _column(hdu, wave)
    receipt.rows_read = raw.size
    unit = f"{'loglam' if 'log' in wave.lower() else ''} {hdu.columns[wave].unit or ''}"
    wavelength = units.to_angstrom(raw, units.unit_said(unit), receipt, corrections)
    receipt.guess("columns", {"wavelength": wave, "flux": flux_name}, "names", 0.95)
    values = _column(hdu, flux_name)
    flux, kind = units.to_flam(
        wavelength, values, units.flux_said(str(hdu.columns[flux_name].unit or "")), receipt, corrections
    )
    error = _table_error(hdu, names, receipt, corrections)
    if error is not None and kind == "fnu":
        error = error * (6000.0 / wavelength) ** 2
    elif error is not None and kind == "abmag":
        error = np.abs(error * 0.4 * np.log(10) * flux)
    medium = "vacuum" if wave.lower() == "loglam" else _medium(hdu.header)
    return wavelength, flux, error, {"flux_kind": kind, "medium": medium}


def _table_error(hdu: Any, names: Sequence[str], receipt: Receipt, corrections: Corrections) -> Array | None:
    if corrections.third_column == "ignore":
        return None
    for pattern, kind in ((_IVAR, "ivar"), (_ERROR, "error"), (_VARIANCE, "variance")):
        name = next((n for n in names if pattern.search(n)), None)
        if name is None:
            continue
        receipt.guess("error_column", {"column": name, "kind": kind}, "name", 0.95)
        values = _column(hdu, name)
        if kind == "error":
            return values
        usable = np.where(values > 0, values, np.nan)
        return np.asarray(np.sqrt(usable if kind == "variance" else 1 / usable))
    return None


def _find(names: Sequence[str], pattern: re.Pattern[str]) -> str | None:
    return next((name for name in names if pattern.search(name)), None)


def _column(hdu: Any, name: str) -> Array:
    """A column as (n,) float64; a table of one row that holds whole arrays is opened up."""
    values = np.asarray(hdu.data[name], dtype=np.float64)
    return values[0] if values.ndim == 2 and values.shape[0] == 1 else values
