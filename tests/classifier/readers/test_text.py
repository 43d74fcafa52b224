"""Text files: names of columns, headers, third columns, dates and object names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classifier.errors import SpectrumError
from classifier.readers import Corrections, read_spectrum
from tests.spectrum_files import FLUX, WAVELENGTH, text

NOISE = np.random.default_rng(0).normal(0, 3e-16, 300)
ERROR = np.full(300, 3e-16)


def guess(receipt: dict[str, Any], what: str) -> Any:
    return next(entry["value"] for entry in receipt["guesses"] if entry["what"] == what)


def codes(receipt: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in receipt["warnings"]}


@pytest.mark.parametrize(
    "head",
    [
        "# wl (A)     fl (flam)   er (flam, opt)\n",
        "Wave (A)\tFluxDens(1d-15)   Err\n",
        "# wavelength [Angstrom]  flux [erg / s / cm2 / A]  flux_err [erg / s / cm2 / A]\n",
        "#WL FL ERR\n",
        "#Angstrom  Flux(erg/s/cm**2/Angstrom)  sigma\n",
        "# wave flux err\n# [Ang] [erg/s/cm2/A] [erg/s/cm2/A]\n",
    ],
)
def test_a_column_name_may_include_a_unit_in_brackets(head: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, ERROR, head=head))
    assert guess(reading.receipt, "columns") == {"wavelength": 0, "flux": 1}
    assert guess(reading.receipt, "third_column")["kind"] == "error"
    assert guess(reading.receipt, "wavelength_unit") == "angstrom"
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-5)


@pytest.mark.parametrize(
    "head",
    [
        "# COMMENT END   observation-specific keywords written by write_image\n",
        "# The wavelength and the flux of a supernova\n",
        "# wave flux flag(good=0 bad=1) 2 0-3-5\n",
    ],
)
def test_a_sentence_is_not_taken_for_column_names(head: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX + NOISE, ERROR, head=head))
    assert guess(reading.receipt, "columns") == {"wavelength": 0, "flux": 1}


def test_columns_are_found_by_name_in_any_order() -> None:
    head = "id,flux_err,sky_flux,flux,rest_wavelength,wavelength\n"
    columns = (np.arange(300.0), ERROR, FLUX * 9, FLUX, WAVELENGTH / 1.1, WAVELENGTH)
    reading = read_spectrum(text(*columns, head=head, separator=","))
    np.testing.assert_allclose(reading.spectrum.wavelength, WAVELENGTH, rtol=1e-5)
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-5)
    np.testing.assert_allclose(reading.spectrum.flux_error, ERROR, rtol=1e-5)


def test_an_index_column_of_pandas_is_not_taken_for_wavelengths() -> None:
    content = text(np.arange(300), WAVELENGTH, FLUX, head=",wavelength,flux\n", separator=",")
    np.testing.assert_allclose(read_spectrum(content).spectrum.wavelength, WAVELENGTH, rtol=1e-5)
    bare = text(np.arange(300), WAVELENGTH, FLUX)
    np.testing.assert_allclose(read_spectrum(bare).spectrum.wavelength, WAVELENGTH, rtol=1e-5)


def test_wavelengths_need_not_be_the_first_column() -> None:
    after_flux = read_spectrum(text(FLUX + NOISE, WAVELENGTH))
    np.testing.assert_allclose(after_flux.spectrum.wavelength, WAVELENGTH, rtol=1e-5)
    np.testing.assert_allclose(after_flux.spectrum.flux, FLUX + NOISE, rtol=1e-5)
    order = np.repeat([71.0, 72.0, 73.0], 100)
    np.testing.assert_allclose(read_spectrum(text(order, WAVELENGTH, FLUX)).spectrum.flux, FLUX, rtol=1e-5)


def test_runs_of_zero_flux_are_dropped_and_single_zeros_are_kept() -> None:
    flux = FLUX.copy()
    flux[:40] = flux[100:120] = flux[200] = flux[-2:] = 0
    reading = read_spectrum(text(WAVELENGTH, flux))
    assert reading.receipt["dropped"] == {"runs of zero flux, taken as not observed": 60}
    counts = np.random.default_rng(0).poisson(0.3, 300)
    assert read_spectrum(text(WAVELENGTH, np.r_[1, counts[1:-1], 1])).receipt["rows_used"] == 300


@pytest.mark.parametrize(
    ("third", "kind"),
    [
        (np.where(np.arange(300) < 20, 1.0, 0.0), "ignore"),
        (FLUX * 1.2, "ignore"),
        (FLUX * 200, "ignore"),
        (ERROR, "error"),
        (ERROR**2, "variance"),
    ],
    ids=["mask", "second reduction", "sky", "error", "variance"],
)
def test_an_unnamed_third_column_is_identified_by_its_numbers(third: Any, kind: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX + NOISE, third))
    assert guess(reading.receipt, "third_column")["kind"] == kind
    assert all(0 <= entry["confidence"] <= 1 for entry in reading.receipt["guesses"])


def test_the_third_column_of_sedm_is_a_variance_unless_the_user_says_otherwise() -> None:
    content = text(WAVELENGTH, FLUX + NOISE, ERROR**2, head="# INSTRUME: SEDM-P60\n# SNIASCORE: -1\n")
    np.testing.assert_allclose(read_spectrum(content).spectrum.flux_error, ERROR, rtol=1e-5)
    corrected = read_spectrum(content, None, Corrections(third_column="error"))
    np.testing.assert_allclose(corrected.spectrum.flux_error, ERROR**2, rtol=1e-5)
    inverse = read_spectrum(text(WAVELENGTH, FLUX, 1 / ERROR**2), None, Corrections(third_column="ivar"))
    np.testing.assert_allclose(inverse.spectrum.flux_error, ERROR, rtol=1e-5)


def test_a_variance_that_is_called_an_error_is_a_variance() -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX + NOISE, ERROR**2, head="#WL FL ERR\n"))
    assert guess(reading.receipt, "third_column")["kind"] == "variance"
    np.testing.assert_allclose(reading.spectrum.flux_error, ERROR, rtol=1e-5)
    # A small error is believed, as long as it is not the square of one.
    reading = read_spectrum(text(WAVELENGTH, FLUX + NOISE, ERROR / 1e5, head="#WL FL ERR\n"))
    assert guess(reading.receipt, "third_column")["kind"] == "error"


@pytest.mark.parametrize(
    ("stated", "file", "name", "differ"),
    [
        ("13adc", "13adc-DBSP-20130413-br.flm", "iPTF13adc", False),
        ("SN 2012Z - aperture 1", "sn2012z.b300none.txt", "SN 2012Z - aperture 1", True),
        ("SN2011HT BLUE 2011 DEC 26", "sn2011ht_20120416_blue1226.txt", "SN2011ht", False),
        ("SN2011HT BLUE 2011 DEC 26", "spec.txt", "SN2011HT BLUE 2011 DEC 26", False),
        ("AT2018jha", "tns_2018jha_2458456.0349_SCAT.dat", "AT2018jha", False),
        ("ATLAS18zpz", "tns_2018jha_2458456.0349_SCAT.dat", "ATLAS18zpz", True),
        ("2016alx", "tns_2016al_2016-01-12.0_P60.ascii", "2016alx", True),
        ("PTF16sw", "16sw_20160316_P60_v1.ascii", "PTF16sw", True),
    ],
)
def test_a_header_and_a_file_name_that_name_two_objects_are_warned_of(
    stated: str, file: str, name: str, differ: bool
) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, head=f"# OBJECT = {stated}\n"), file)
    assert reading.receipt["metadata"]["object"] == name
    assert ("names_differ" in codes(reading.receipt)) is differ


def test_a_missing_cell_or_remark_drops_a_row_and_not_the_file() -> None:
    rows = text(WAVELENGTH, FLUX, ERROR).decode().splitlines()
    rows[5] += " cosmic ray"
    rows[7] = rows[7].split()[0]
    rows[9] = f"{WAVELENGTH[9]:.6g} INDEF 3e-16"
    rows[11] = "# a remark between the rows"
    reading = read_spectrum("\n".join(rows).encode())
    assert reading.receipt["rows_used"] == 297
    assert reading.receipt["dropped"] == {"not finite": 1, "row too short": 1}


def test_decimal_commas_are_read_in_columns_separated_by_spaces() -> None:
    content = text(WAVELENGTH, FLUX).replace(b".", b",")
    np.testing.assert_allclose(read_spectrum(content).spectrum.wavelength, WAVELENGTH, rtol=1e-5)


@pytest.mark.parametrize(
    ("first", "last", "unit"),
    [
        (300.0, 2480.0, "nm"),
        (994.0, 2480.0, "nm"),
        (1150.0, 3180.0, "angstrom"),
        (0.8, 2.4, "um"),
        (5.0, 28.0, "um"),
        (3e-7, 9e-7, "m"),
    ],
    ids=["all of X-shooter", "its infrared arm", "STIS in the ultraviolet", "SpeX", "MIRI", "SI"],
)
def test_the_values_alone_decide_the_wavelength_unit_near_the_limits(first: float, last: float, unit: str) -> None:
    reading = read_spectrum(text(np.linspace(first, last, 300), FLUX))
    assert guess(reading.receipt, "wavelength_unit") == unit


def test_an_impossible_header_is_overridden_with_a_warning() -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, head="# WAVELENGTH UNITS: nm\n# BUNIT: counts\n"))
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
    assert {"unit_contradicted", "flux_contradicted"} <= codes(reading.receipt)
    assert reading.receipt["flux_kind"] == "flam"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("# wavelength flux(mJy)\n", "fnu"),
        ("# BUNIT = 'electrons'\n", "counts"),
        ("# BUNIT: erg/s/cm2/Ang\n", "flam"),
        ("# wavelength normalized_flux\n", "normalised"),
        ("# wavelength AB_mag\n", "abmag"),
    ],
)
def test_the_kind_of_flux_is_taken_from_the_header(head: str, kind: str) -> None:
    assert read_spectrum(text(WAVELENGTH, FLUX * 1e16, head=head)).receipt["flux_kind"] == kind


def test_a_spectrum_divided_by_its_continuum_is_recognised_by_its_numbers() -> None:
    assert read_spectrum(text(WAVELENGTH, 1 + NOISE * 1e13)).receipt["flux_kind"] == "normalised"


def test_errors_in_magnitudes_are_converted_with_the_flux() -> None:
    magnitude = -2.5 * np.log10(FLUX * WAVELENGTH**2)
    content = text(WAVELENGTH, magnitude, magnitude * 0 + 0.1, head="wavelength ABmag error\n", form="{:.8f}")
    spectrum = read_spectrum(content).spectrum
    assert spectrum.flux_error is not None
    np.testing.assert_allclose(spectrum.flux_error / spectrum.flux, 0.1 * 0.4 * np.log(10), rtol=1e-5)


def test_air_and_vacuum_are_recorded_and_never_guessed() -> None:
    assert read_spectrum(text(WAVELENGTH, FLUX)).receipt["medium"] is None
    head = "# wavelength(air) flux\n"
    assert read_spectrum(text(WAVELENGTH, FLUX, head=head)).receipt["medium"] == "air"
    assert read_spectrum(text(WAVELENGTH, FLUX), None, Corrections(medium="vacuum")).receipt["medium"] == "vacuum"


@pytest.mark.parametrize("head", ["# the spectrum was de-redshifted\n", "# rest_wavelength flux\n"])
def test_a_header_that_mentions_the_rest_frame_gives_only_a_warning(head: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, head=head))
    assert "looks_rest_frame" in codes(reading.receipt)
    assert reading.spectrum.frame == "observed"
    corrected = read_spectrum(text(WAVELENGTH, FLUX, head=head), None, Corrections(frame="rest"))
    assert (corrected.receipt["frame"], codes(corrected.receipt) & {"looks_rest_frame"}) == ("rest", set())


def with_oxygen(redshift: float) -> bytes:
    wavelength = np.arange(3800.0, 9200.0, 4.0)
    flux = 2 + 0.1 * np.sin(wavelength / 300)
    for low, high, depth in ((6867, 6890, 0.3), (7594, 7640, 0.6)):
        flux[(wavelength > low / (1 + redshift)) & (wavelength < high / (1 + redshift))] *= 1 - depth
    return text(wavelength, flux, head="# REDSHIFT: 0.1\n")


def test_telluric_bands_reveal_whether_they_were_corrected_and_the_frame() -> None:
    assert codes(read_spectrum(with_oxygen(0.0)).receipt) == {"telluric_uncorrected"}
    assert codes(read_spectrum(with_oxygen(0.1)).receipt) == {"looks_rest_frame"}
    assert codes(read_spectrum(with_oxygen(-0.2)).receipt) == set()


@pytest.mark.parametrize(
    ("first", "last", "code"), [(10_000, 24_000, "coverage_too_small"), (5800, 6900, "coverage_small")]
)
def test_little_coverage_gives_a_warning(first: float, last: float, code: str) -> None:
    assert code in codes(read_spectrum(text(np.linspace(first, last, 300), FLUX)).receipt)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!DOCTYPE html><html>" + b"4000 1\n" * 20, "markup"),
        (b"4000 1 " * 3000 + b"\n4000 1\n" * 20, "line_too_long"),
        (b"file,redshift,instrument\na.txt,0.1,SEDM\n", "metadata_table"),
    ],
)
def test_a_file_that_is_not_a_spectrum_is_refused_with_a_reason(content: bytes, code: str) -> None:
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(content)
    assert caught.value.code == code
