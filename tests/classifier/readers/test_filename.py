"""Dates and object names that are read from file names."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.readers import read_spectrum
from classifier.readers.filename import coordinates_in_stem, date_in_name, is_generic, object_in_name
from tests.spectrum_files import FLUX, WAVELENGTH, text


def guess(receipt: dict[str, Any], what: str) -> Any:
    return next(entry["value"] for entry in receipt["guesses"] if entry["what"] == what)


def codes(receipt: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in receipt["warnings"]}


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
def test_a_valid_date_is_read_from_the_file_name(name: str, at: str | None) -> None:
    found = date_in_name(name)
    assert (found and found.at.isoformat()[:19]) == at


@pytest.mark.parametrize(
    ("stem", "part"),
    [
        ("CSS140421-142042+031_20140428_Gr11_Free_slit1.0_57004_2", "CSS140421-142042+031"),
        ("tMASTERJ233328.09-015847.0_20151010_Gr13", "MASTERJ233328.09-015847.0"),
        ("psn0728+3349-20150215.256-ui", "psn0728+3349"),
        ("spec_20140428", None),
        ("night2024_20240301_0012", None),
        ("gr5_300_20240301_targetA", None),
        ("PSNJ07285387p3349106_20150311_NOT", "PSNJ07285387p3349106"),
        ("W7_330d", None),
        ("PSNinNGC1309_howsp_120211_tellcor_4500-9000", None),
    ],
)
def test_coordinates_before_the_night_name_an_object(stem: str, part: str | None) -> None:
    assert coordinates_in_stem(stem) == part


@pytest.mark.parametrize(
    "name", ["spec", "spectrum_1", "final", "obj1", "20121001", "2024spec", "Target 12", "SCIENCE", "7"]
)
def test_words_that_any_object_could_have_are_generic_and_no_designation(name: str) -> None:
    assert is_generic(name)
    assert object_in_name(name) is None


@pytest.mark.parametrize(
    "name",
    ["SN2009ip", "2006X", "1987A", "2011b", "PSNinNGC1309", "2024abc", "313888627196690475", "NGC 1309", "2021yja"],
)
def test_names_of_one_object_are_not_generic(name: str) -> None:
    assert not is_generic(name)


@pytest.mark.parametrize(
    ("name", "object_name"),
    [
        ("sn2009ip-31486.dat", "SN2009ip"),
        ("SN14J_Apr03.txt", "SN2014J"),
        ("SN_2021_abc_15mar2021.txt", "SN2021abc"),
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
        ("SN 2011 spec.txt", None),
        ("AT 2020 red arm.txt", None),
        ("SN 2019 WHT_20190101.txt", None),
    ],
)
def test_object_names_from_file_names_get_the_spelling_of_their_survey(name: str, object_name: str | None) -> None:
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
def test_the_object_name_is_read_from_the_header_in_its_usual_spelling(stated: str, object_name: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, head=f"# OBJECT: {stated}\n"), "SN2009ip.dat")
    assert reading.spectrum.object_name == object_name
    changed = [entry["value"] for entry in reading.receipt["guesses"] if entry["what"] == "object"]
    assert changed == ([] if " ".join(stated.split()) == object_name else [object_name])


def test_the_file_name_is_the_last_resort_for_the_object_name() -> None:
    named = read_spectrum(text(WAVELENGTH, FLUX), "sn2009ip.dat")
    assert (named.spectrum.object_name, guess(named.receipt, "object")) == ("SN2009ip", "SN2009ip")


def test_a_date_before_the_discovery_of_the_object_is_ignored() -> None:
    head = "# DATE-OBS = 2003-03-06T10:48:29\n"
    reading = read_spectrum(text(WAVELENGTH, FLUX, head=head), "tns_2018hlp_2458413.5_UH88.dat")
    assert reading.receipt["metadata"]["observed_at"] == "2018-10-22T00:00:00Z"
    assert "date_impossible" in codes(reading.receipt)
