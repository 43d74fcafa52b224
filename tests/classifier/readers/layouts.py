"""FITS files in the layouts of spectrographs, surveys and archives, all with the same spectrum."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from astropy.io import fits

from tests.spectrum_files import FLUX, WAVELENGTH, image, table, write

W, F, E = WAVELENGTH, FLUX, 0.05 * FLUX
STEP = float(W[1] - W[0])


def extension(values: Any, name: str, **header: Any) -> Any:
    hdu = fits.ImageHDU(np.asarray(values, dtype=np.float64), name=name)
    hdu.header.update(header)
    return hdu


def columns(name: str = "", **made: tuple[Any, str]) -> Any:
    """Return a table extension: one row per sample, or one row of arrays if the arrays have two axes."""
    hdu = fits.open(io.BytesIO(table(made)))[1]
    hdu.name = name
    return hdu


def row(values: Any) -> Any:
    return np.asarray(values).reshape(1, -1)


def variable() -> bytes:
    made = [
        fits.Column(name, "PD()", array=np.array([values], dtype=object), unit=unit)
        for name, values, unit in (("WAVE", W / 10, "nm"), ("FLUX", F, None))
    ]
    return write(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made))


PRIMARY = fits.PrimaryHDU
LINEAR = {"CRVAL1": 3800.0, "CDELT1": STEP, "CRPIX1": 1.0}


GAMA = image(
    np.stack([F, E, F * 2, E * 2, F * 0]) * 1e17, **LINEAR, ROW1="Spectrum", ROW2="Error", ROW3="Spectrum_nocal"
)


LAYOUTS: dict[str, bytes] = {
    "X-shooter and other images in nm": image(F, CRVAL1=380.0, CDELT1=STEP / 10, CUNIT1="nm"),
    "an image in metres": image(F, CRVAL1=3.8e-7, CDELT1=STEP * 1e-10, CUNIT1="m"),
    "SCI, ERR and wavelengths in nm": write(
        PRIMARY(), extension(F, "SCI"), extension(E, "ERR"), extension(W / 10, "WAVELENGTH", BUNIT="nm")
    ),
    "wavelengths before the flux": write(PRIMARY(), extension(W, "WAVE"), extension(F, "FLUX"), extension(E, "SIG")),
    "wavelengths of one row": write(PRIMARY(F), extension(row(W), "LAMBDA")),
    "wavelengths beside an idle WCS": write(
        PRIMARY(), extension(F, "SCI", CRVAL1=0.0, CDELT1=1.0), extension(W, "WAVELENGTH")
    ),
    "rows of wavelength and flux": image(np.stack([W, F * 1e15])),
    "rows of flux and wavelength": image(np.stack([F * 1e15, W])),
    "columns of wavelength and flux": image(np.column_stack([W, F * 1e15])),
    "GAMA": GAMA,
    "Panacea of HET": image(
        np.stack([W, F, E, F * 9]), ROW1="wavelength", ROW2="F_lambda", ROW3="e_F_lambda", ROW4="sky"
    ),
    "6dF": write(PRIMARY(), extension(np.stack([F, E**2, F, W]), "SPECTRUM VR", **LINEAR)),
    "SPRAT": write(
        PRIMARY(np.ones((1, 300)), header=fits.Header({"EXTNAME": "SPEC_NONSS"} | LINEAR)),
        extension(row(F * 3 + 9), "SPEC_SS", **LINEAR),
        extension(row(F * 0 + 1), "NORMFLUX", **LINEAR),
        extension(row(F), "FLUX", **LINEAR),
    ),
    "MUSE": write(PRIMARY(), extension(F, "DATA", CTYPE1="AWAV", **LINEAR), extension(E**2, "STAT", **LINEAR)),
    "ESO phase 3 and 4MOST": write(
        PRIMARY(), columns("SPECTRUM", WAVE=(row(W / 10), "nm"), FLUX=(row(F), "erg"), ERR_FLUX=(row(E), "erg"))
    ),
    "HST STIS x1d": write(
        PRIMARY(),
        columns(
            "SCI", WAVELENGTH=(row(W), "Angstroms"), NET=(row(F * 0 + W), ""), FLUX=(row(F), ""), ERROR=(row(E), "")
        ),
    ),
    "SDSS-V": write(PRIMARY(), columns("COADD", LOGLAM=(np.log10(W), ""), FLUX=(F, ""), IVAR=(E**-2, ""))),
    "LAMOST tables": write(
        PRIMARY(), columns("COADD", FLUX=(row(F), ""), IVAR=(row(E**-2), ""), WAVELENGTH=(row(W), ""))
    ),
    "PypeIt": write(
        PRIMARY(),
        columns("SPEC", OPT_WAVE=(W, ""), OPT_COUNTS=(W, ""), OPT_FLAM=(F, ""), OPT_FLAM_SIG=(E, ""), BOX_WAVE=(W, "")),
    ),
    "columns without names": write(PRIMARY(), columns(col1=(W, ""), col2=(F, ""))),
    "arrays of variable length": variable(),
    "a spectral axis": write(PRIMARY(), columns(SpectralAxis=(W, "Angstrom"), Flux=(F, ""))),
    "observed beside rest": write(PRIMARY(), columns(LAMBDA_REST=(W / 1.1, "A"), LAMBDA_OBS=(W, "A"), FLUX=(F, ""))),
    "log10 of flux": write(PRIMARY(), columns(WAVE=(W, "A"), LOG_FLUX=(np.log10(F), ""))),
}
WITH_ERRORS = {
    "SCI, ERR and wavelengths in nm",
    "wavelengths before the flux",
    "GAMA",
    "Panacea of HET",
    "MUSE",
    "PypeIt",
}
WITH_ERRORS |= {"ESO phase 3 and 4MOST", "HST STIS x1d", "SDSS-V", "LAMOST tables"}
