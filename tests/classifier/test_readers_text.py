"""Text in the wild: names of columns, headers, third columns, dates and objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classifier.errors import SpectrumError
from classifier.readers import Corrections, read_spectrum
from classifier.readers.filename import date_in_name, object_in_name, object_part
from tests.classifier.makers import FLUX, WAVELENGTH, text

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
def test_names_with_units_in_brackets_are_one_name_a_column(head: str) -> None:
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
def test_a_sentence_names_no_columns(head: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX + NOISE, ERROR, head=head))
    assert guess(reading.receipt, "columns") == {"wavelength": 0, "flux": 1}


def test_columns_are_found_by_name_wherever_they_stand() -> None:
    head = "id,flux_err,sky_flux,flux,rest_wavelength,wavelength\n"
    columns = (np.arange(300.0), ERROR, FLUX * 9, FLUX, WAVELENGTH / 1.1, WAVELENGTH)
    reading = read_spectrum(text(*columns, head=head, separator=","))
    np.testing.assert_allclose(reading.spectrum.wavelength, WAVELENGTH, rtol=1e-5)
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-5)
    np.testing.assert_allclose(reading.spectrum.flux_error, ERROR, rtol=1e-5)


def test_the_index_that_pandas_writes_is_no_wavelength() -> None:
    content = text(np.arange(300), WAVELENGTH, FLUX, head=",wavelength,flux\n", separator=",")
    np.testing.assert_allclose(read_spectrum(content).spectrum.wavelength, WAVELENGTH, rtol=1e-5)
    bare = text(np.arange(300), WAVELENGTH, FLUX)
    np.testing.assert_allclose(read_spectrum(bare).spectrum.wavelength, WAVELENGTH, rtol=1e-5)


def test_wavelengths_need_not_stand_first() -> None:
    after_flux = read_spectrum(text(FLUX + NOISE, WAVELENGTH))
    np.testing.assert_allclose(after_flux.spectrum.wavelength, WAVELENGTH, rtol=1e-5)
    np.testing.assert_allclose(after_flux.spectrum.flux, FLUX + NOISE, rtol=1e-5)
    order = np.repeat([71.0, 72.0, 73.0], 100)
    np.testing.assert_allclose(read_spectrum(text(order, WAVELENGTH, FLUX)).spectrum.flux, FLUX, rtol=1e-5)


def test_runs_of_zeros_were_not_observed_but_single_ones_were() -> None:
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
def test_a_nameless_third_column_is_judged_by_its_numbers(third: Any, kind: str) -> None:
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


def test_missing_cells_and_remarks_cost_a_row_and_not_the_file() -> None:
    rows = text(WAVELENGTH, FLUX, ERROR).decode().splitlines()
    rows[5] += " cosmic ray"
    rows[7] = rows[7].split()[0]
    rows[9] = f"{WAVELENGTH[9]:.6g} INDEF 3e-16"
    rows[11] = "# a remark between the rows"
    reading = read_spectrum("\n".join(rows).encode())
    assert reading.receipt["rows_used"] == 297
    assert reading.receipt["dropped"] == {"not finite": 1, "row too short": 1}


def test_a_decimal_comma_may_stand_in_columns_of_spaces() -> None:
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
def test_numbers_alone_tell_the_unit_at_the_edges(first: float, last: float, unit: str) -> None:
    reading = read_spectrum(text(np.linspace(first, last, 300), FLUX))
    assert guess(reading.receipt, "wavelength_unit") == unit


def test_a_header_that_cannot_be_right_is_contradicted_aloud() -> None:
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


def test_a_spectrum_divided_by_its_continuum_is_known_by_its_numbers() -> None:
    assert read_spectrum(text(WAVELENGTH, 1 + NOISE * 1e13)).receipt["flux_kind"] == "normalised"


def test_the_errors_of_magnitudes_follow_them() -> None:
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
def test_a_header_that_speaks_of_the_rest_frame_is_a_warning_and_no_change(head: str) -> None:
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


def test_telluric_bands_say_whether_they_were_corrected_for_and_in_which_frame_they_lie() -> None:
    assert codes(read_spectrum(with_oxygen(0.0)).receipt) == {"telluric_uncorrected"}
    assert codes(read_spectrum(with_oxygen(0.1)).receipt) == {"looks_rest_frame"}
    assert codes(read_spectrum(with_oxygen(-0.2)).receipt) == set()


@pytest.mark.parametrize(
    ("first", "last", "code"), [(10_000, 24_000, "coverage_too_small"), (5800, 6900, "coverage_small")]
)
def test_little_coverage_is_a_warning(first: float, last: float, code: str) -> None:
    assert code in codes(read_spectrum(text(np.linspace(first, last, 300), FLUX)).receipt)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("tns_2016jfu_2016-12-31.5_BAO_Phot.txt", "2016-12-31T12:00:00"),
        ("tns_2018epa_2458336.4382_UH88_SNIFS.dat", "2018-08-05T22:31:00"),
        ("ASASSN-15lh-SALT-new-mjd57203.5.photflux.dat", "2015-06-30T12:00:00"),
        ("sn09ip_nir_mdm_29sep2012_jh.dat", "2012-09-29T00:00:00"),
        ("2011hr_2011-Nov-10_LJT_YFOSC.dat", "2011-11-10T00:00:00"),
        ("SN05ip_b01_T60_CS_25nov05.txt", "2005-11-25T00:00:00"),
        ("20082012_WHT_ISIS_R158R_SN2012ec.ascii", "2012-08-20T00:00:00"),
        ("PTF09cnd.090825.lris.dat", "2009-08-25T00:00:00"),
        ("SN2013dy_2013-07-18_10h04m56s_cb.spec.ascii", "2013-07-18T10:04:56"),
        ("CSS140925-011731+054106.dat", None),
        ("SN2010jl_991311_DIS.ascii", None),
        ("SN2014J_20010101.dat", None),
        ("W7_330d.txt", None),
    ],
)
def test_dates_are_read_from_file_names_where_they_can_be_one(name: str, at: str | None) -> None:
    found = date_in_name(name)
    assert (found and found.at.isoformat()[:19]) == at


@pytest.mark.parametrize(
    ("stem", "part"),
    [
        ("CSS140421-142042+031_20140428_Gr11_Free_slit1.0_57004_2", "CSS140421-142042+031"),
        ("tMASTERJ233328.09-015847.0_20151010_Gr13", "MASTERJ233328.09-015847.0"),
        ("psn0728+3349-20150215.256-ui", "psn0728+3349"),
        ("spec_20140428", "spec_20140428"),
        ("night2024_20240301_0012", "night2024_20240301_0012"),
        ("gr5_300_20240301_targetA", "gr5_300_20240301_targetA"),
        ("PSNJ07285387p3349106_20150311_NOT", "PSNJ07285387p3349106"),
        ("W7_330d", "W7_330d"),
    ],
)
def test_a_file_s_name_is_cut_before_the_night_where_it_begins_like_a_designation(stem: str, part: str) -> None:
    assert object_part(stem) == part


@pytest.mark.parametrize(
    ("name", "object_name"),
    [
        ("sn2009ip-31486.dat", "SN2009ip"),
        ("SN14J_Apr03.txt", "SN2014J"),
        ("1996al_19961009_final.ascii", "SN1996al"),
        ("tAT2018be_20180116_Gr13.asci", "AT2018be"),
        ("tns_2018hlp_2458413.9_UH88.dat", "2018hlp"),
        ("ASASSNm15db_2015-02-17.ascii", "ASASSN-15db"),
        ("iptf13bvn_IRTF_0702.txt", "iPTF13bvn"),
        ("OGLE2012SN006_20121015.ascii", "OGLE-2012-SN-006"),
        ("ztf26aabcdef_20260101.txt", "ZTF26aabcdef"),
        ("10iuv_20100607_WHT_v1.ascii", "PTF10iuv"),
        ("13abc-DBSP-20130413-br.flm", "iPTF13abc"),
        ("10iuv_WHT.ascii", None),
        ("10aug_20100801.ascii", None),
        ("10sec_20240101.ascii", None),
        ("2012_Oct_4.dat", None),
        ("spectrum.txt", None),
    ],
)
def test_objects_are_read_from_file_names_as_their_survey_spells_them(name: str, object_name: str | None) -> None:
    assert object_in_name(name) == object_name


@pytest.mark.parametrize(
    ("stated", "object_name"),
    [
        ("sn2009IP  east", "sn2009IP east"),
        ("at2018azu", "AT2018azu"),
        ("PTF11EON", "PTF11eon"),
        ("ZTF18abtnlik [A]", "ZTF18abtnlik"),
        ("13adc", "13adc"),
        ("HIP52478", "SN2009ip"),
    ],
)
def test_the_header_names_the_object_and_only_its_case_is_mended(stated: str, object_name: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, head=f"# OBJECT: {stated}\n"), "SN2009ip.dat")
    assert reading.spectrum.object_name == object_name
    changed = [entry["value"] for entry in reading.receipt["guesses"] if entry["what"] == "object"]
    assert changed == ([] if " ".join(stated.split()) == object_name else [object_name])


def test_the_files_name_is_the_last_source_of_the_object() -> None:
    named = read_spectrum(text(WAVELENGTH, FLUX), "sn2009ip.dat")
    assert (named.spectrum.object_name, guess(named.receipt, "object")) == ("SN2009ip", "SN2009ip")


def test_a_date_before_the_object_was_found_is_not_believed() -> None:
    head = "# DATE-OBS = 2003-03-06T10:48:29\n"
    reading = read_spectrum(text(WAVELENGTH, FLUX, head=head), "tns_2018hlp_2458413.5_UH88.dat")
    assert reading.receipt["metadata"]["observed_at"] == "2018-10-22T00:00:00Z"
    assert "date_impossible" in codes(reading.receipt)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!DOCTYPE html><html>" + b"4000 1\n" * 20, "markup"),
        (b"4000 1 " * 3000 + b"\n4000 1\n" * 20, "line_too_long"),
        (b"file,redshift,instrument\na.txt,0.1,SEDM\n", "metadata_table"),
    ],
)
def test_what_is_no_spectrum_is_refused_with_its_reason(content: bytes, code: str) -> None:
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(content)
    assert caught.value.code == code
