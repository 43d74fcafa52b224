"""Columns are found by their names, alike in a text and in a FITS table."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.readers import Reading, read_spectrum
from tests.spectrum_files import FLUX, WAVELENGTH, table, text

ERROR = 0.02 * FLUX


def in_both(**columns: np.ndarray) -> list[Reading]:
    """Return the readings of a text and of a FITS table with these columns."""
    in_text = text(*columns.values(), head="# " + " ".join(columns) + "\n")
    return [read_spectrum(in_text), read_spectrum(table({name: (values, "") for name, values in columns.items()}))]


@pytest.mark.parametrize(
    "name", ["wavelength", "LAMBDA", "wl", "ang", "wavel", "wlen", "vac_wave", "AWAV", "spectral_axis"]
)
def test_a_name_of_wavelengths_is_one_in_text_and_in_fits(name: str) -> None:
    for reading in in_both(err=ERROR, flux=FLUX, **{name: WAVELENGTH}):
        assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
        np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-5)


def test_a_flux_named_for_lambda_is_no_wavelength() -> None:
    for reading in in_both(f_lambda=FLUX, wave=WAVELENGTH):
        assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))


def test_a_calibrated_flux_goes_before_raw_counts() -> None:
    for reading in in_both(wave=WAVELENGTH, counts=5000 + 0 * FLUX, flux=FLUX):
        np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "values"), [("inv_var", ERROR**-2), ("weight", ERROR**-2), ("flux_var", ERROR**2), ("err_var", ERROR**2)]
)
def test_the_name_tells_what_kind_of_error_a_column_holds(name: str, values: np.ndarray) -> None:
    for reading in in_both(wave=WAVELENGTH, flux=FLUX, **{name: values}):
        np.testing.assert_allclose(reading.spectrum.flux_error, ERROR, rtol=1e-5)


@pytest.mark.parametrize("name", ["weight", "variance_flat"])
def test_an_error_goes_before_a_weight_and_a_variance(name: str) -> None:
    for reading in in_both(wave=WAVELENGTH, flux=FLUX, **{name: 3 + 0 * FLUX}, error=ERROR):
        np.testing.assert_allclose(reading.spectrum.flux_error, ERROR, rtol=1e-5)


def test_the_logarithmic_wavelengths_of_sdss_are_in_vacuum() -> None:
    for reading in in_both(loglam=np.log10(WAVELENGTH), flux=FLUX):
        assert reading.spectrum.medium == "vacuum"


def test_names_that_swap_the_columns_are_still_read() -> None:
    reading = read_spectrum(text(FLUX, WAVELENGTH, head="# flux wavelength\n"))
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))


@pytest.mark.parametrize(
    "name", ["wave_vac", "model_flux", "phase", "signal", "function", "residual", "airmass", "order", "e_wave"]
)
def test_a_third_column_whose_name_is_none_of_an_error_is_ignored(name: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, ERROR, head=f"# wavelength flux {name}\n"))
    assert reading.spectrum.flux_error is None


ERRORS = [
    "error",
    "e_flux",
    "eflux",
    "sigma",
    "flux_err",
    "fluxerr",
    "rms",
    "noise",
    "unc",
    "std",
    "stddev",
    "dflux",
    "flux_unc",
    "eflam",
]


@pytest.mark.parametrize("name", ERRORS)
def test_a_column_named_for_an_error_is_one_in_text_and_in_fits(name: str) -> None:
    for reading in in_both(wave=WAVELENGTH, flux=FLUX, **{name: ERROR}):
        np.testing.assert_allclose(reading.spectrum.flux_error, ERROR, rtol=1e-5)


def test_a_statistical_error_goes_before_a_systematic_one() -> None:
    columns = (WAVELENGTH, FLUX, 0.5 * FLUX, 0.02 * FLUX)
    reading = read_spectrum(text(*columns, head="# wavelength flux err_sys err_stat\n"))
    np.testing.assert_allclose(reading.spectrum.flux_error, ERROR, rtol=1e-5)


def test_the_unit_tells_the_wavelength_where_the_name_does_not() -> None:
    in_fits = read_spectrum(table({"a": (WAVELENGTH / 10, "nm"), "b": (FLUX, "erg/s/cm2/nm")}))
    in_text = read_spectrum(text(WAVELENGTH / 10, FLUX, head="# lbd sgnl\n# nm erg/s/cm2/A\n"))
    for reading in (in_fits, in_text):
        assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))


@pytest.mark.parametrize(
    ("wave", "flux", "values"),
    [
        (("x", "nm"), ("y", ""), WAVELENGTH / 10),
        (("LOGLAM", "log(Angstrom)"), ("F", ""), np.log10(WAVELENGTH)),
        (("lnlam", ""), ("flux", ""), np.log(WAVELENGTH)),
        (("AWAV", "m"), ("FLUX", "W/m2/m"), WAVELENGTH * 1e-10),
    ],
)
def test_two_columns_of_a_fits_table_are_read_by_the_little_that_is_told(
    wave: tuple[str, str], flux: tuple[str, str], values: np.ndarray
) -> None:
    reading = read_spectrum(table({wave[0]: (values, wave[1]), flux[0]: (FLUX, flux[1])}))
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
