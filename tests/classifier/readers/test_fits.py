# Splines with two pieces that give a straight line; the basis functions of the cubic one sum to six.

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from classifier.errors import SpectrumError
from classifier.readers import Corrections, read_spectra, read_spectrum
from tests.spectrum_files import (
    FLUX,
    LOG_FLUX,
    LOG_WAVELENGTH,
    WAVELENGTH,
    desi,
    image,
    multispec,
    sdss_spec,
    spspec,
    table,
    write,
)

STEP = float(WAVELENGTH[1] - WAVELENGTH[0])


def guess(receipt: dict[str, Any], what: str) -> Any:
    return next(entry["value"] for entry in receipt["guesses"] if entry["what"] == what)


def codes(receipt: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in receipt["warnings"]}


def refusal(content: bytes, corrections: Corrections | None = None) -> str:
    with pytest.raises(SpectrumError) as caught:
        read_spectra(content, "a.fits", corrections)
    return caught.value.code


def test_a_logarithmic_axis_without_its_flag_is_recognised_by_its_numbers() -> None:
    content = image(LOG_FLUX, CRVAL1=3.58, CDELT1=1e-4)
    np.testing.assert_allclose(read_spectrum(content).spectrum.wavelength, LOG_WAVELENGTH, rtol=1e-9)


def test_a_logarithm_flag_on_a_linear_axis_is_ignored() -> None:
    reading = read_spectrum(image(FLUX, CRVAL1=3800.0, CDELT1=STEP, DC__FLAG=1))
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
    assert "scale_contradicted" in codes(reading.receipt)


def test_natural_and_decimal_logarithms_are_distinguished() -> None:
    first, last = np.log(3800), np.log(9200)
    content = image(FLUX, CRVAL1=first, CDELT1=(last - first) / 299, CTYPE1="LOG-LAMBDA", DC__FLAG=1)
    assert read_spectrum(content).spectrum.wavelength_range == pytest.approx((3800, 9200), rel=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("Angstrom", 1), ("nm", 0.1), ("um", 1e-4), ("m", 1e-10)])
def test_a_logarithmic_axis_of_the_fits_standard_starts_at_a_wavelength(unit: str, factor: float) -> None:
    content = image(FLUX, CRVAL1=4000.0 * factor, CDELT1=4.0 * factor, CTYPE1="WAVE-LOG", CUNIT1=unit)
    spectrum = read_spectrum(content).spectrum
    np.testing.assert_allclose(spectrum.wavelength, 4000 * np.exp(np.arange(300) * 4 / 4000), rtol=1e-9)
    assert spectrum.medium == "vacuum"


@pytest.mark.parametrize(("unit", "factor"), [("nm", 0.1), ("um", 1e-4), ("m", 1e-10), ("", 0.1)])
def test_the_unit_of_an_axis_is_taken_from_cunit_or_the_numbers(unit: str, factor: float) -> None:
    content = image(FLUX, CRVAL1=3800 * factor, CDELT1=STEP * factor, CUNIT1=unit)
    assert read_spectrum(content).spectrum.wavelength_range == pytest.approx((3800, 9200), rel=1e-6)


def test_air_wavelengths_are_recorded() -> None:
    content = image(FLUX, CRVAL1=3800.0, CDELT1=STEP, CTYPE1="AWAV")
    assert read_spectrum(content).receipt["medium"] == "air"


def test_the_flux_error_of_an_image_is_read_from_its_error_extension() -> None:
    primary = fits.PrimaryHDU(FLUX)
    primary.header.update(CRVAL1=3800.0, CDELT1=STEP)
    content = write(primary, fits.ImageHDU(np.full(300, 2e-16), name="ERRS"), fits.ImageHDU(FLUX, name="SKY"))
    np.testing.assert_allclose(read_spectrum(content).spectrum.flux_error, 2e-16)


def test_wavelengths_may_have_their_own_extension() -> None:
    content = write(fits.PrimaryHDU(), fits.ImageHDU(FLUX, name="FLUX"), fits.ImageHDU(WAVELENGTH, name="WAVELENGTH"))
    np.testing.assert_allclose(read_spectrum(content).spectrum.wavelength, WAVELENGTH)


@pytest.mark.parametrize(
    ("spec", "wavelength"),
    [
        ("1 1 0 3800.0 18.06 300 0. 1 2", 3800 + 18.06 * np.arange(300)),
        ("1 1 1 3.58 0.001 300 0. 1 2", 10 ** (3.58 + 0.001 * np.arange(300))),
        ("1 1 0 3800.0 18.06 300 0.1 1 2", (3800 + 18.06 * np.arange(300)) / 1.1),
        # Chebyshev: 6500 + 2700 x, with x from -1 to 1 over the pixels.
        ("1 1 2 3800.0 18.06 300 0. 1 2 1.0 0.0 1 2 1.0 300.0 6500.0 2700.0", np.linspace(3800, 9200, 300)),
        # Splines of two pieces through a straight line; the bases of the cubic one sum to six.
        (
            "1 1 2 3800.0 18.06 300 0. 1 2 1.0 0.0 4 2 1.0 300.0 3800.0 6500.0 9200.0",
            np.linspace(3800, 9200, 300),
        ),
        (
            "1 1 2 3800.0 18.06 300 0. 1 2 1.0 500.0 3 2 1.0 300.0 100.0 550.0 1000.0 1450.0 1900.0",
            np.linspace(3800, 9200, 300),
        ),
    ],
    ids=["linear", "logarithmic", "doppler corrected", "chebyshev", "linear spline", "cubic spline"],
)
def test_iraf_multispec_dispersion_functions_are_evaluated(spec: str, wavelength: Any) -> None:
    bands = np.stack([FLUX, FLUX * 3, FLUX * 0]).reshape(3, 1, 300)
    reading = read_spectrum(multispec(bands, [spec]))
    np.testing.assert_allclose(reading.spectrum.wavelength, wavelength, rtol=1e-9)
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-6)
    assert guess(reading.receipt, "band") == 0


def test_neighbouring_multispec_orders_are_joined_with_a_warning() -> None:
    specs = [f"{i + 1} {i + 1} 0 {4000 + 900 * i}.0 3.5 300 0. 1 2" for i in range(3)]
    (reading,) = read_spectra(multispec(np.stack([FLUX, FLUX, FLUX]), specs))
    assert reading.spectrum.wavelength_range == pytest.approx((4000, 5800 + 3.5 * 299))
    assert "orders_joined" in codes(reading.receipt)


def test_apertures_that_cover_the_same_range_are_separate_spectra() -> None:
    specs = [f"{i + 1} {i + 1} 0 4000.0 3.5 300 0. 1 2" for i in range(3)]
    readings = read_spectra(multispec(np.stack([FLUX, FLUX * 2, FLUX * 3]), specs))
    assert [reading.spectrum.flux[0] / FLUX[0] for reading in readings] == pytest.approx([1, 2, 3])
    assert [reading.receipt["part"] for reading in readings] == ["aperture 1", "aperture 2", "aperture 3"]


def test_a_dispersion_that_cannot_be_computed_is_refused() -> None:
    sampled = "1 1 2 3800.0 18.06 300 0. 1 2 1.0 0.0 6 2 1.0 300.0 6500.0 2700.0 1 1 1"
    assert refusal(multispec(FLUX.reshape(1, 300), [sampled])) == "unsupported_wcs"
    cut = "1 1 2 3800.0 18.06 300 0. 1 2 1.0 0.0 3 2 1.0 300.0 6500.0 2700.0"
    assert refusal(multispec(FLUX.reshape(1, 300), [cut])) == "bad_wcs"


def test_the_flux_error_of_an_sdss_image_is_its_third_row() -> None:
    reading = read_spectrum(spspec())
    np.testing.assert_allclose(reading.spectrum.wavelength, LOG_WAVELENGTH, rtol=1e-9)
    np.testing.assert_allclose(reading.spectrum.flux_error, 0.1, rtol=1e-6)
    assert (reading.spectrum.medium, reading.spectrum.redshift) == ("vacuum", 0.12)


def test_sdss_tables_are_logarithmic_in_vacuum_with_inverse_variance() -> None:
    reading = read_spectrum(sdss_spec())
    np.testing.assert_allclose(reading.spectrum.wavelength, LOG_WAVELENGTH[10:], rtol=1e-5)
    np.testing.assert_allclose(reading.spectrum.flux, LOG_FLUX[10:], rtol=1e-5)
    np.testing.assert_allclose(reading.spectrum.flux_error, 0.1, rtol=1e-5)
    assert reading.receipt["dropped"] == {"no weight (an inverse variance of zero)": 10}
    assert (reading.spectrum.medium, reading.spectrum.redshift) == ("vacuum", 0.25)


def test_a_lamost_image_is_not_taken_for_an_sdss_one() -> None:
    rows = np.stack([LOG_FLUX, np.full(3800, 25.0), LOG_WAVELENGTH, LOG_FLUX * 0, LOG_FLUX * 0])
    spectrum = read_spectrum(image(rows, COEFF0=3.58, COEFF1=1e-4, CRVAL1=3.58, CD1_1=1e-4)).spectrum
    np.testing.assert_allclose(spectrum.flux_error, 0.2, rtol=1e-6)


def test_every_desi_target_is_a_spectrum_and_the_sky_is_not() -> None:
    readings = read_spectra(desi([39627, 39628, 39629], ["TGT", "SKY", "TGT"]), "coadd.fits")
    assert [reading.receipt["part"] for reading in readings] == ["39627", "39629"]
    first = readings[0].spectrum
    assert first.wavelength_range == pytest.approx((3600, 9824))
    assert (np.diff(first.wavelength) > 0.79).all()
    assert readings[1].spectrum.flux[0] == pytest.approx(3 * first.flux[0], rel=1e-5)
    overlap = (first.wavelength > 5760) & (first.wavelength < 5800)
    np.testing.assert_allclose(first.flux_error[overlap], 1 / np.sqrt(8), rtol=1e-5)  # type: ignore[index]
    assert readings[0].receipt["metadata"]["object"] == "39627"


def test_a_desi_target_is_chosen_by_its_id() -> None:
    content = desi([39627, 39628], ["TGT", "TGT"])
    (reading,) = read_spectra(content, "coadd.fits", Corrections(target="39628"))
    assert reading.receipt["metadata"]["object"] == "39628"
    with pytest.raises(SpectrumError, match="39627, 39628"):
        read_spectra(content, "coadd.fits", Corrections(target="1"))


def test_a_file_too_large_for_memory_is_read_from_disk_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "coadd.fits"
    path.write_bytes(desi([39627, 39628], ["TGT", "TGT"], ballast=80 << 20))
    tracemalloc.start()
    readings = read_spectra(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [reading.receipt["part"] for reading in readings] == ["39627", "39628"]
    assert peak < 20 << 20
    with path.open("r+b") as opened:
        opened.truncate(70 << 20)
    with pytest.raises(SpectrumError, match="promises"):
        read_spectra(path)


def test_a_table_with_one_row_of_arrays_is_read() -> None:
    content = table(
        {
            "WAVE": (WAVELENGTH[None] / 10, "nm"),
            "FLUX_REDUCED": (FLUX[None], "erg cm**(-2) s**(-1) angstrom**(-1)"),
            "ERR_REDUCED": (FLUX[None] / 10, ""),
            "SNR": (FLUX[None] * 0, ""),
        }
    )
    spectrum = read_spectrum(content).spectrum
    np.testing.assert_allclose(spectrum.wavelength, WAVELENGTH, rtol=1e-9)
    np.testing.assert_allclose(spectrum.flux_error, FLUX / 10)


def test_errors_of_another_length_are_left_out_with_a_warning() -> None:
    columns = {"WAVE": (WAVELENGTH[None], ""), "FLUX": (FLUX[None], ""), "ERR": (FLUX[None, :90], "")}
    reading = read_spectrum(table(columns))
    assert reading.spectrum.flux_error is None
    assert "error_unusable" in codes(reading.receipt)


def test_rows_of_arrays_with_adjoining_ranges_are_read_as_orders() -> None:
    waves = np.stack([np.linspace(4000, 5000, 200), np.linspace(4950, 6000, 200)])
    content = table({"WAVELENGTH": (waves, "Angstrom"), "FLUX": (2 + np.sin(waves / 50), "")})
    (reading,) = read_spectra(content)
    assert reading.spectrum.wavelength_range == pytest.approx((4000, 6000))


def arm(first: float, last: float) -> Any:
    wave = np.linspace(first, last, 200)
    columns = [("LAMBDA", wave), ("SPEC", 2 + np.sin(wave / 50)), ("IVAR", np.full(200, 4.0))]
    return fits.BinTableHDU.from_columns([fits.Column(n, "200D", array=values[None]) for n, values in columns])


def test_blue_and_red_arms_in_separate_tables_are_joined() -> None:
    (reading,) = read_spectra(write(fits.PrimaryHDU(), arm(4000, 6500), arm(6550, 9000)))
    assert reading.spectrum.wavelength_range == pytest.approx((4000, 9000))
    assert "orders_joined" in codes(reading.receipt)


def test_tables_of_the_same_range_are_several_spectra() -> None:
    readings = read_spectra(write(fits.PrimaryHDU(), arm(4000, 6500), arm(6550, 9000), arm(4000, 6500)))
    ranges = [reading.spectrum.wavelength_range for reading in readings]
    assert ranges == [pytest.approx((4000, 9000)), pytest.approx((4000, 6500))]


def test_a_table_in_jansky_and_micrometre_is_converted_to_f_lambda_and_angstrom() -> None:
    jansky = FLUX * WAVELENGTH**2
    columns = {"WAVELENGTH": (WAVELENGTH / 1e4, "um"), "FLUX": (jansky, "Jy"), "FLUX_ERROR": (jansky / 10, "Jy")}
    spectrum = read_spectrum(table(columns)).spectrum
    ratio = spectrum.flux / FLUX
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    np.testing.assert_allclose(spectrum.flux_error, spectrum.flux / 10, rtol=1e-9)
    assert spectrum.flux_kind == "fnu"


def test_the_user_may_choose_other_columns_of_a_table() -> None:
    columns = {"wave": (WAVELENGTH, "Angstrom"), "flux": (FLUX, ""), "flux_corrected": (FLUX * 2, "")}
    spectrum = read_spectrum(table(columns), "a.fits", Corrections(flux_column=2)).spectrum
    np.testing.assert_allclose(spectrum.flux, FLUX * 2)
    assert refusal(table(columns), Corrections(flux_column=9)) == "bad_correction"


def test_an_image_before_the_table_does_not_hide_it() -> None:
    picture = fits.PrimaryHDU(np.ones((60, 80)))
    picture.header.update(CRVAL1=10.0, CDELT1=0.1)
    columns = [fits.Column("wave", "D", array=WAVELENGTH), fits.Column("flux", "D", array=FLUX)]
    content = write(picture, fits.BinTableHDU.from_columns(columns))
    np.testing.assert_allclose(read_spectrum(gzip.compress(content)).spectrum.flux, FLUX)


@pytest.mark.parametrize(("stated", "expected"), [("24/12/99", "1999-12-24"), ("2004/1/2", "2004-01-02")])
def test_dates_from_before_the_year_2000_are_read(stated: str, expected: str) -> None:
    content = image(FLUX, CRVAL1=3800.0, CDELT1=STEP, DATE__OBS=stated, DATE="2020-01-01", UT="03:04:05")
    observed_at = read_spectrum(content).spectrum.observed_at
    assert observed_at is not None
    assert observed_at.isoformat() == f"{expected}T03:04:05+00:00"


def test_the_date_a_file_was_written_is_not_its_date_of_observation() -> None:
    content = image(FLUX, CRVAL1=3800.0, CDELT1=STEP, DATE="2020-01-01")
    assert read_spectrum(content).spectrum.observed_at is None
