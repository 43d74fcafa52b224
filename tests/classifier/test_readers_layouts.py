"""FITS files laid out as spectrographs, surveys and archives do: each read to the same arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from classifier.errors import SpectrumError
from classifier.readers import Corrections, read_spectrum
from tests.classifier.makers import FLUX, WAVELENGTH, image, table, write
from tests.classifier.test_readers_traps import same

W, F, E = WAVELENGTH, FLUX, 0.05 * FLUX
STEP = float(W[1] - W[0])


def extension(values: Any, name: str, **header: Any) -> Any:
    hdu = fits.ImageHDU(np.asarray(values, dtype=np.float64), name=name)
    hdu.header.update(header)
    return hdu


def columns(name: str = "", **made: tuple[Any, str]) -> Any:
    """A table extension of one row of arrays where these have two axes, else of a row a sample."""
    hdu = fits.open(__import__("io").BytesIO(table(made)))[1]
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


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_the_same_spectrum(layout: str) -> None:
    reading = read_spectrum(LAYOUTS[layout], "a.fits")
    assert not reading.others
    assert same(reading)
    error = reading.spectrum.flux_error
    if layout in WITH_ERRORS:
        assert error is not None
        np.testing.assert_allclose(error / reading.spectrum.flux, 0.05, rtol=1e-3)


def test_a_table_whose_wavelengths_stand_in_its_header_is_read() -> None:
    hdu = columns("SPEC", FLUX=(F, ""))
    hdu.header.update(LINEAR)
    assert same(read_spectrum(write(PRIMARY(), hdu), "a.fits"))


def test_micrometres_between_3_and_4_are_not_taken_for_logarithms() -> None:
    for unit in ("um", "micron"):
        reading = read_spectrum(image(F, CRVAL1=3.2, CDELT1=0.8 / 299, CUNIT1=unit), "a.fits")
        assert reading.spectrum.wavelength_range == pytest.approx((32_000, 40_000))


def test_natural_logarithms_without_a_flag_are_not_taken_for_micrometres() -> None:
    step = float(np.log(9200 / 3800)) / 299
    reading = read_spectrum(image(F, CRVAL1=float(np.log(3800)), CDELT1=step), "a.fits")
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"CTYPE1": "FREQ", "CUNIT1": "GHz", "CRVAL1": 230.0, "CDELT1": 1.0}, "a frequency"),
        ({"CTYPE1": "VELO-LSR", "CRVAL1": 3000.0, "CDELT1": 10.0}, "a velocity"),
        ({"CTYPE1": "PIXEL", "CRVAL1": 3000.0, "CDELT1": 1.0}, "a count of samples"),
    ],
)
def test_axes_of_something_else_are_refused_by_what_they_are(header: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpectrumError, match=reason) as caught:
        read_spectrum(image(F, **header), "a.fits")
    assert caught.value.code == "no_wavelengths"
    if reason == "a count of samples":
        assert read_spectrum(image(F, **header), "a.fits", Corrections(wavelength_unit="angstrom"))


def test_an_extension_of_errors_is_never_taken_for_the_spectrum() -> None:
    content = write(PRIMARY(), extension(E, "ERR", **LINEAR), extension(F, "SKY", **LINEAR))
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(content, "a.fits")
    assert caught.value.code == "no_spectrum"


def test_wavelengths_at_rest_alone_are_read_with_a_warning() -> None:
    reading = read_spectrum(write(PRIMARY(), columns(WAVE_REST=(W, "A"), FLUX=(F, ""))), "a.fits")
    assert [warning["code"] for warning in reading.receipt["warnings"]] == ["looks_rest_frame"]


def test_the_name_of_a_column_says_air_or_vacuum() -> None:
    for name, medium in (("WAVE_VAC", "vacuum"), ("LAMBDA_AIR", "air"), ("WAVE", None)):
        assert (
            read_spectrum(write(PRIMARY(), columns(**{name: (W, "A"), "FLUX": (F, "")})), "a").spectrum.medium == medium
        )
