"""FITS images: one row with a linear or logarithmic axis, bands, apertures, and the images of SDSS and LAMOST."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from astropy.io import fits

from classifier.errors import SpectrumError
from classifier.readers import units
from classifier.readers.fits_found import Found, join_orders, medium_of, wavelengths
from classifier.readers.fits_iraf import dispersions
from classifier.readers.fits_rows import read_rows, row_titles, titled_rows
from classifier.readers.limits import MAX_ROWS
from classifier.readers.receipt import Corrections, Receipt
from classifier.readers.units import sigma
from classifier.spectrum import Array

_MAX_SAMPLES = 8_000_000
_MAX_APERTURES = 1_000
_WAVELENGTH_NAME = re.compile(r"(wave|lambda|loglam|^wav$|^wl$)", re.I)
# Extensions that are no spectrum of the object, and titles of rows.
_NO_SPECTRUM_NAME = re.compile(r"(err|var|sig|std|unc|noise|mask|^dq$|^stat$|qual|^sky|back|bkg|weight)", re.I)

_ERROR_NAMES = (
    (re.compile(r"ivar", re.I), "ivar"),
    (re.compile(r"(err|^sig|std|unc|noise)", re.I), "error"),
    (re.compile(r"(var|^stat$)", re.I), "variance"),
)


def read_image(hdu: Any, hdus: Any, receipt: Receipt, corrections: Corrections) -> list[Found]:
    """The spectra of an image; [] where it has no axis of wavelengths.

    Raises SpectrumError ("not_one_dimensional", "no_wcs", "bad_wcs", "unsupported_wcs")."""
    header = hdu.header
    samples = int(header.get("NAXIS1", 0))
    if not 0 < samples <= MAX_ROWS or _WAVELENGTH_NAME.search(hdu.name) or _NO_SPECTRUM_NAME.search(hdu.name):
        return []
    beside = _image_beside(hdu, hdus, samples)
    survey = "COEFF0" in header and "COEFF1" in header
    if not (survey or beside is not None or "CRVAL1" in header or _is_multispec(header)):
        return read_rows(hdu, receipt, corrections)
    rows = _length(header) // samples
    if rows > _MAX_APERTURES or rows * samples > _MAX_SAMPLES:
        raise SpectrumError("not_one_dimensional", f"an image of {rows} rows is no one-dimensional spectrum")
    receipt.format, receipt.rows_read = "fits-image", samples
    data = hdu.data
    if survey:
        return _survey(header, np.atleast_2d(data), receipt, corrections)
    titles = row_titles(header, rows) if 1 < rows == int(header["NAXIS2"]) else []
    error = None
    if titles:
        flux, error = titled_rows(
            np.asarray(data, dtype=np.float64).reshape(rows, samples), titles, receipt, corrections
        )
        apertures = [flux]
    else:
        apertures = _first_band(data, header, receipt)
    unit = str(header.get("BUNIT", ""))
    medium = medium_of(header)
    if beside is not None:
        axes = [_beside_axis(beside, receipt, corrections)] * len(apertures)
    elif _is_multispec(header):
        receipt.guess("wavelength_scale", "IRAF multispec", "CTYPE1 and WAT2", 0.95)
        axis = np.concatenate(dispersions(header, len(apertures), samples))
        axes = np.split(wavelengths(axis, str(header.get("WAT1_001", "")), receipt, corrections), len(apertures))
    else:
        axes = [wcs_axis(header, samples, receipt, corrections)] * len(apertures)
    if error is None and len(apertures) == 1:
        error = _error_beside(hdu, hdus, receipt, corrections)
    found = [
        Found(axis, row, error, unit, medium, label=f"aperture {number + 1}", header=_aperture_name(header, number))
        for number, (axis, row) in enumerate(zip(axes, apertures, strict=True))
    ]
    return join_orders(found, receipt)


def _aperture_name(header: Any, number: int) -> dict[str, str]:
    """IRAF keeps each aperture's title in APIDn."""
    title = str(header.get(f"APID{number + 1}", "")).strip()
    return {"OBJECT": title} if title and number else {}


def _is_multispec(header: Any) -> bool:
    return str(header.get("CTYPE1", "")).upper().startswith("MULTISPE") and "WAT2_001" in header


def _first_band(data: Any, header: Any, receipt: Receipt) -> list[Array]:
    """Rows (apertures) of the first band. IRAF stacks bands (optimal, raw, sky, error): the first is the spectrum."""
    cube = np.asarray(data)
    if cube.ndim > 3:
        raise SpectrumError("not_one_dimensional", f"an image of shape {cube.shape} is no one-dimensional spectrum")
    if cube.ndim == 3:
        if cube.shape[0] > 1:
            receipt.guess("band", 0, f"{cube.shape[0]} bands: the first is the extracted spectrum", 0.9)
        cube = cube[0]
    cube = np.atleast_2d(cube)
    apertures = "equispec" in str(header.get("WAT0_001", "")).lower() or _is_multispec(header) or "APNUM2" in header
    if cube.shape[0] > 1 and not apertures:
        if cube.shape[0] > 4:
            raise SpectrumError(
                "not_one_dimensional", f"an image of {cube.shape[0]} rows is no one-dimensional spectrum"
            )
        receipt.guess("band", 0, f"{cube.shape[0]} rows: the first taken as the spectrum", 0.6)
        cube = cube[:1]
    return [np.asarray(row, dtype=np.float64) for row in cube]


def wcs_axis(header: Any, samples: int, receipt: Receipt, corrections: Corrections) -> Array:
    """(samples,) Å from CRVAL1 and its kin, linear or logarithmic. Raises SpectrumError("no_wcs", "no_wavelengths")."""
    start, step = float(header["CRVAL1"]), _step(header)
    pixel = np.arange(1, samples + 1) - float(header.get("CRPIX1", 1.0))
    if "CRPIX1" not in header:
        receipt.guess("reference_pixel", 1, "the header gives no CRPIX1", 0.7)
    kind, unit = str(header.get("CTYPE1", "")).upper(), str(header.get("CUNIT1", ""))
    if kind.endswith("-LOG") and abs(start) > 20:
        receipt.guess("wavelength_scale", "WAVE-LOG", "CTYPE1", 0.95)
        # FITS standard, paper III: CRVAL1 is a wavelength although the axis is logarithmic.
        return wavelengths(start * np.exp(np.clip(pixel * step / start, -50, 50)), unit, receipt, corrections)
    axis = np.asarray(start + pixel * step, dtype=np.float64)
    # IRAF leaves PIXEL on some axes that were calibrated.
    if not (kind.startswith(("PIX", "LINEAR")) and step != 1):
        unit = f"{unit} {kind}" if units.other_axis_said(kind) else unit
    logarithmic = int(float(header.get("DC-FLAG", 0) or 0)) == 1 or "LOG" in kind
    if logarithmic and abs(axis[0]) > 20:
        receipt.warn("scale_contradicted", f"the header says logarithmic, which an axis from {axis[0]:.5g} is not")
        logarithmic = False
    # log10 of 800 to 40,000 Å, or their natural logarithm.
    ranges = ((2.9, 4.6), (7.5, 10.3))
    by_values = units.unit_said(unit) != "um" and any(
        low < axis[0] < high and low < axis[-1] < high for low, high in ranges
    )
    if corrections.wavelength_unit or not (logarithmic or by_values):
        return wavelengths(axis, unit, receipt, corrections)
    natural = float(axis[0]) > 5
    evidence, confidence = ("DC-FLAG or CTYPE1", 0.98) if logarithmic else ("the values", 0.85)
    receipt.guess("wavelength_scale", "ln" if natural else "log10", evidence, confidence)
    axis = np.exp(np.clip(axis, -50, 50)) if natural else 10.0 ** np.clip(axis, -20, 20)
    return wavelengths(np.asarray(axis), unit, receipt, corrections)


def _step(header: Any) -> float:
    steps = [float(header[key]) for key in ("CDELT1", "CD1_1") if header.get(key)]
    if not steps:
        raise SpectrumError("no_wcs", "the header gives no wavelength step (CDELT1 or CD1_1)")
    # A CDELT1 of exactly 1 beside another CD1_1 is a default that nobody set.
    return steps[-1] if steps[0] == 1.0 else steps[0]


def _survey(header: Any, data: Any, receipt: Receipt, corrections: Corrections) -> list[Found]:
    """Images of SDSS (spSpec: flux, continuum-subtracted, error, mask …) and LAMOST (flux, ivar, wavelength …)."""
    axis = 10.0 ** (float(header["COEFF0"]) + float(header["COEFF1"]) * np.arange(data.shape[1]))
    receipt.guess("wavelength_scale", "log10", "COEFF0 and COEFF1", 0.98)
    rows = np.asarray(data, dtype=np.float64)
    error = None
    if rows.shape[0] > 2 and corrections.third_column != "ignore":
        lamost = np.allclose(rows[2], axis, rtol=1e-3)
        error = sigma(rows[1], "ivar") if lamost else np.where(rows[2] > 0, rows[2], np.nan)
        receipt.guess("error_column", {"row": 1 if lamost else 2}, "LAMOST" if lamost else "SDSS spSpec", 0.9)
    return [Found(axis, rows[0], error, "erg/s/cm2/Angstrom", "vacuum")]


def _image_beside(hdu: Any, hdus: Any, samples: int) -> Any:
    """Another extension of the same length that holds the wavelengths, or None."""
    if "COEFF0" in hdu.header:
        return None
    for other in hdus:
        if not isinstance(other, fits.ImageHDU) or not _WAVELENGTH_NAME.search(other.name):
            continue
        if other.header.get("NAXIS1") == samples and _length(other.header) == samples:
            return other
    return None


def _length(header: Any) -> int:
    return math.prod(int(header.get(f"NAXIS{axis}", 1)) for axis in range(1, int(header["NAXIS"]) + 1))


def _beside_axis(beside: Any, receipt: Receipt, corrections: Corrections) -> Array:
    unit = f"{beside.name if 'LOG' in beside.name else ''} {beside.header.get('BUNIT', '')}"
    receipt.guess("wavelength_extension", beside.name, "its name and length", 0.95)
    return wavelengths(np.asarray(beside.data, dtype=np.float64).ravel(), unit, receipt, corrections)


def _error_beside(hdu: Any, hdus: Any, receipt: Receipt, corrections: Corrections) -> Array | None:
    """1σ from another extension of the same shape whose name says so, or None."""
    if corrections.third_column == "ignore" or hdu.header["NAXIS"] != 1:
        return None
    for pattern, kind in _ERROR_NAMES:
        for other in hdus:
            if other is hdu or not isinstance(other, fits.ImageHDU) or not pattern.search(other.name):
                continue
            if other.header.get("NAXIS") == 1 and other.header.get("NAXIS1") == hdu.header["NAXIS1"]:
                receipt.guess("error_column", {"extension": other.name, "kind": kind}, "its name", 0.9)
                return sigma(np.asarray(other.data, dtype=np.float64), corrections.third_column or kind)
    return None
