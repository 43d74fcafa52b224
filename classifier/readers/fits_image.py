"""FITS images: a row with a linear or logarithmic axis, several bands or apertures, and those of SDSS and LAMOST."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from astropy.io import fits

from classifier.errors import SpectrumError
from classifier.readers import units
from classifier.readers.fits_fibres import fibre_objects, read_fibres
from classifier.readers.fits_iraf import dispersions
from classifier.readers.fits_parts import FitsPart, join_orders, medium_of, wavelengths
from classifier.readers.fits_rows import read_rows, row_titles, titled_rows
from classifier.readers.limits import MAX_ROWS
from classifier.readers.receipt import Corrections, Receipt
from classifier.readers.units import sigma
from classifier.spectrum import Array

_MAX_SAMPLES = 8_000_000
_MAX_APERTURES = 1_000
_WAVELENGTH_NAME = re.compile(r"(wave|lambda|loglam|^wav$|^wl$)", re.I)
# Names of extensions that do not hold the spectrum of the object.
_NO_SPECTRUM_NAME = re.compile(r"(err|var|sig|std|unc|noise|mask|^dq$|^stat$|qual|^sky|back|bkg|weight)", re.I)

_ERROR_NAMES = (
    (re.compile(r"ivar", re.I), "ivar"),
    (re.compile(r"(err|^sig|std|unc|noise)", re.I), "error"),
    (re.compile(r"(var|^stat$)", re.I), "variance"),
)
# Why an image of so many rows is refused.
_PICTURE = "this is a picture of {} rows, not a one-dimensional spectrum: send the extracted spectrum"


def read_image(hdu: Any, hdus: Any, receipt: Receipt, corrections: Corrections) -> list[FitsPart]:
    """Return the spectra of an image, or [] if it has no wavelengths.

    Raises SpectrumError ("not_one_dimensional", "no_wcs", "bad_wcs", "unsupported_wcs", "no_wavelengths" …).
    """
    header = hdu.header
    samples = int(header.get("NAXIS1", 0))
    if not 0 < samples <= MAX_ROWS or _WAVELENGTH_NAME.search(hdu.name) or _NO_SPECTRUM_NAME.search(hdu.name):
        return []
    wavelength_image = _wavelength_image(hdu, hdus, samples)
    sdss_axis = "COEFF0" in header and "COEFF1" in header
    if not (sdss_axis or wavelength_image is not None or "CRVAL1" in header or _is_multispec(header)):
        return read_rows(hdu, receipt, corrections)
    rows = _length(header) // samples
    if rows > _MAX_APERTURES or rows * samples > _MAX_SAMPLES:
        raise SpectrumError("not_one_dimensional", _PICTURE.format(rows))
    receipt.format, receipt.rows_read = "fits-image", samples
    data = hdu.data
    if sdss_axis:
        return _sdss_or_lamost(header, np.atleast_2d(data), receipt, corrections)
    titles = row_titles(header, rows) if 1 < rows == int(header["NAXIS2"]) else []
    error = None
    fibres = fibre_objects(hdus, rows)
    if fibres and not titles:
        axis = wcs_axis(header, samples, receipt, corrections)
        return read_fibres(hdu, hdus, fibres, axis, receipt, corrections)
    if titles:
        flux, error = titled_rows(
            np.asarray(data, dtype=np.float64).reshape(rows, samples), titles, receipt, corrections
        )
        apertures = [flux]
    else:
        apertures = _first_band(data, header, receipt)
    unit, medium = str(header.get("BUNIT", "")), medium_of(header)
    if wavelength_image is not None:
        axes = [_axis_of_image(wavelength_image, receipt, corrections)] * len(apertures)
    else:
        axes = _axes_of_header(header, len(apertures), samples, receipt, corrections)
    if error is None and len(apertures) == 1:
        error = _error_image(hdu, hdus, receipt, corrections)
    labels = [f"aperture {number + 1}" for number in range(len(apertures))] if len(apertures) > 1 else [_name_of(hdu)]
    parts = [
        FitsPart(axis, row, error, unit, medium, label=labels[number], header=_aperture_name(header, number))
        for number, (axis, row) in enumerate(zip(axes, apertures, strict=True))
    ]
    return join_orders(parts, receipt)


def _name_of(hdu: Any) -> str | None:
    """Return the name of an extension with its version, such as "SCI,2", or None if it has no name of its own."""
    if hdu.name in ("", "PRIMARY"):
        return None
    return f"{hdu.name},{hdu.ver}" if hdu.ver > 1 else str(hdu.name)


def _axes_of_header(
    header: Any, apertures: int, samples: int, receipt: Receipt, corrections: Corrections
) -> list[Array]:
    """Return the wavelengths (samples,) in Å of each aperture, from IRAF's multispec cards or a plain axis."""
    if not _is_multispec(header):
        return [wcs_axis(header, samples, receipt, corrections)] * apertures
    receipt.guess("wavelength_scale", "IRAF multispec", "CTYPE1 and WAT2", 0.95)
    axis = np.concatenate(dispersions(header, apertures, samples))
    return np.split(wavelengths(axis, str(header.get("WAT1_001", "")), receipt, corrections), apertures)


def _aperture_name(header: Any, number: int) -> dict[str, str]:
    """Return the title of an aperture, which IRAF keeps in APIDn; the first one has the header's own OBJECT."""
    title = str(header.get(f"APID{number + 1}", "")).strip()
    return {"OBJECT": title} if title and number else {}


def _is_multispec(header: Any) -> bool:
    return str(header.get("CTYPE1", "")).upper().startswith("MULTISPE") and "WAT2_001" in header


def _first_band(data: Any, header: Any, receipt: Receipt) -> list[Array]:
    """Return the rows (apertures) of the first band.

    IRAF stacks the bands optimal, raw, sky and error, and the first is the spectrum.

    Raises SpectrumError ("not_one_dimensional").
    """
    cube = np.asarray(data)
    if cube.ndim > 3:
        raise SpectrumError(
            "not_one_dimensional", f"this is a data cube of shape {cube.shape}: send the extracted spectrum"
        )
    if cube.ndim == 3:
        if cube.shape[0] > 1:
            receipt.guess(
                "band", 0, f"the image has {cube.shape[0]} bands, and the first is the extracted spectrum", 0.9
            )
        cube = cube[0]
    cube = np.atleast_2d(cube)
    apertures = "equispec" in str(header.get("WAT0_001", "")).lower() or _is_multispec(header) or "APNUM2" in header
    if cube.shape[0] > 1 and not apertures:
        if cube.shape[0] > 4:
            raise SpectrumError("not_one_dimensional", _PICTURE.format(cube.shape[0]))
        receipt.warn(
            "rows_left_out",
            f"the image has {cube.shape[0]} rows, and nothing says what they hold: the first was read as the spectrum",
        )
        cube = cube[:1]
    return [np.asarray(row, dtype=np.float64) for row in cube]


def wcs_axis(header: Any, samples: int, receipt: Receipt, corrections: Corrections) -> Array:
    """Return (samples,) wavelengths in Å from CRVAL1, CDELT1 and so on, on a linear or logarithmic axis.

    Raises SpectrumError ("no_wcs", "no_wavelengths", "wavelength_unit").
    """
    start, step = float(header["CRVAL1"]), _step(header)
    pixel = np.arange(1, samples + 1) - float(header.get("CRPIX1", 1.0))
    if "CRPIX1" not in header:
        receipt.guess("reference_pixel", 1, "the header gives no CRPIX1", 0.7)
    kind, unit = str(header.get("CTYPE1", "")).upper(), _axis_unit(header)
    # Microns and metres are small numbers, but no logarithms. In Å a small number is one, whatever CTYPE1 says.
    if kind.endswith("-LOG") and (abs(start) > 20 or units.parse_wavelength_unit(unit) in ("um", "m")):
        receipt.guess("wavelength_scale", "WAVE-LOG", "CTYPE1", 0.95)
        # In the FITS standard (paper III) CRVAL1 is a wavelength although the axis is logarithmic.
        return wavelengths(start * np.exp(np.clip(pixel * step / start, -50, 50)), unit, receipt, corrections)
    axis = np.asarray(start + pixel * step, dtype=np.float64)
    # IRAF leaves CTYPE1 = PIXEL on some calibrated axes, so it only counts with a step of 1.
    if not (kind.startswith(("PIX", "LINEAR")) and step != 1):
        unit = f"{unit} {kind}" if units.parse_other_axis(kind) else unit
    logarithmic = int(float(header.get("DC-FLAG", 0) or 0)) == 1 or "LOG" in kind
    if logarithmic and abs(axis[0]) > 20:
        receipt.warn(
            "scale_contradicted",
            f"the header says that the wavelengths are logarithmic, but they start at {axis[0]:.5g}: read as linear",
        )
        logarithmic = False
    # Decimal and natural logarithms of 800 to 40,000 Å.
    ranges = ((2.9, 4.6), (7.5, 10.3))
    stated = units.parse_wavelength_unit(unit)
    by_values = stated != "um" and any(low < axis[0] < high and low < axis[-1] < high for low, high in ranges)
    # A unit such as log(Angstrom) says it already.
    if corrections.wavelength_unit or stated in units.LOGARITHMS or not (logarithmic or by_values):
        return wavelengths(axis, unit, receipt, corrections)
    natural = float(axis[0]) > 5
    evidence, confidence = ("DC-FLAG or CTYPE1", 0.98) if logarithmic else ("the numbers", 0.85)
    receipt.guess("wavelength_scale", "ln" if natural else "log10", evidence, confidence)
    axis = np.exp(np.clip(axis, -50, 50)) if natural else 10.0 ** np.clip(axis, -20, 20)
    return wavelengths(np.asarray(axis), unit, receipt, corrections)


def _axis_unit(header: Any) -> str:
    """Return the unit of the axis from CUNIT1, or else from IRAF's WAT1, "" if neither gives it."""
    in_wat = re.search(r"units=\s*([A-Za-z]+)", str(header.get("WAT1_001", "")))
    return str(header.get("CUNIT1", "")).strip() or (in_wat[1] if in_wat else "")


def _step(header: Any) -> float:
    steps = [float(header[key]) for key in ("CDELT1", "CD1_1") if header.get(key)]
    if not steps:
        raise SpectrumError(
            "no_wcs",
            "the header gives no wavelength step (CDELT1 or CD1_1): add it, or send a table of wavelength and flux",
        )
    # If CD1_1 differs, a CDELT1 of exactly 1 is a default that nobody set.
    return steps[-1] if steps[0] == 1.0 else steps[0]


def _sdss_or_lamost(header: Any, data: Any, receipt: Receipt, corrections: Corrections) -> list[FitsPart]:
    """Read an image of SDSS (spSpec: flux, continuum-subtracted, error …) or LAMOST (flux, ivar, wavelength …)."""
    axis = 10.0 ** (float(header["COEFF0"]) + float(header["COEFF1"]) * np.arange(data.shape[1]))
    receipt.guess("wavelength_scale", "log10", "COEFF0 and COEFF1", 0.98)
    rows = np.asarray(data, dtype=np.float64)
    error = None
    if rows.shape[0] > 2 and corrections.third_column != "ignore":
        lamost = np.allclose(rows[2], axis, rtol=1e-3)
        error = sigma(rows[1], "ivar") if lamost else np.where(rows[2] > 0, rows[2], np.nan)
        receipt.guess(
            "error_column",
            {"row": 1 if lamost else 2},
            "the layout of LAMOST" if lamost else "the layout of SDSS spSpec",
            0.9,
        )
    return [FitsPart(axis, rows[0], error, "erg/s/cm2/Angstrom", "vacuum")]


def _wavelength_image(hdu: Any, hdus: Any, samples: int) -> Any:
    """Return another extension of the same length that holds the wavelengths, or None."""
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


def _axis_of_image(hdu: Any, receipt: Receipt, corrections: Corrections) -> Array:
    unit = f"{hdu.name if 'LOG' in hdu.name else ''} {hdu.header.get('BUNIT', '')}"
    receipt.guess("wavelength_extension", hdu.name, "its name and length", 0.95)
    return wavelengths(np.asarray(hdu.data, dtype=np.float64).ravel(), unit, receipt, corrections)


def _error_image(hdu: Any, hdus: Any, receipt: Receipt, corrections: Corrections) -> Array | None:
    """Return 1σ from another extension of the same length whose name says that it holds errors, or None."""
    if corrections.third_column == "ignore" or hdu.header["NAXIS"] != 1:
        return None
    for pattern, kind in _ERROR_NAMES:
        # An extension of the same version goes first: ERR,2 belongs to SCI,2.
        for other in sorted(hdus, key=lambda other: other.ver != hdu.ver):
            if other is hdu or not isinstance(other, fits.ImageHDU) or not pattern.search(other.name):
                continue
            if other.header.get("NAXIS") == 1 and other.header.get("NAXIS1") == hdu.header["NAXIS1"]:
                receipt.guess("error_column", {"extension": other.name, "kind": kind}, "its name", 0.9)
                return sigma(np.asarray(other.data, dtype=np.float64), corrections.third_column or kind)
    return None
