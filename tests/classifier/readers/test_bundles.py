"""Files with several spectra, and files with metadata beside them: templates, JSON, archives, tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import SpectrumError
from classifier.evaluation.reader_report import read_all, report
from classifier.readers import Corrections, Folder, read_spectra, read_spectrum
from tests.spectrum_files import FLUX, WAVELENGTH, as_json, image, lnw, skyportal, text, wiserep_csv, zipped

WISEREP = {
    "IAU name": "SN2018hlp",
    "Redshift": "0.065",
    "Obs-date": "2018-10-22 09:39:29",
    "Telescope": "UH88",
    "Instrument": "SNIFS",
    "Ascii file": "one.txt",
    "WL Units": "nm",
    "WL Medium": "Vacuum",
    "Flux Unit Coefficient": "1e-15",
    "Exp-time": "1820",
    "Remarks": "de-redshifted, please check",
}


def guess(receipt: dict[str, Any], what: str) -> Any:
    return next(entry["value"] for entry in receipt["guesses"] if entry["what"] == what)


def codes(receipt: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in receipt["warnings"]}


def refusal(content: bytes, name: str = "x") -> SpectrumError:
    with pytest.raises(SpectrumError) as caught:
        read_spectra(content, name)
    return caught.value


def test_a_snid_template_gives_one_flattened_rest_frame_spectrum_per_epoch() -> None:
    readings = read_spectra(lnw([-7.5, 3.0, 12.25]), "sn1990N.lnw")
    assert [guess(reading.receipt, "phase_days") for reading in readings] == [-7.5, 3.0, 12.25]
    for reading in readings:
        assert (reading.spectrum.frame, reading.spectrum.flux_kind) == ("rest", "flattened")
        assert reading.spectrum.object_name == "SN1990N"
        assert 3500 < reading.spectrum.wavelength[0] < reading.spectrum.wavelength[-1] < 9000
    assert readings[0].spectrum.flux[5] != readings[1].spectrum.flux[5]


def test_a_snid_template_is_recognised_without_its_extension_and_refused_if_broken() -> None:
    assert len(read_spectra(lnw([1.0, 2.0]), "template.dat")) == 2
    assert refusal(lnw([1.0, 2.0])[:9000]).code == "bad_lnw"


def test_the_first_spectrum_of_a_file_lists_the_others() -> None:
    first = read_spectrum(lnw([1.0, 2.0]))
    assert [other.receipt["part"] for other in first.others] == ["epoch +2.0 d"]


@pytest.mark.parametrize("wrap", ["bare", "envelope", "source", "list"])
def test_skyportal_json_is_read_in_every_wrapping(wrap: str) -> None:
    record = skyportal()
    document = {
        "bare": record,
        "envelope": {"status": "success", "data": record},
        "source": {"status": "success", "data": {"obj_id": "ZTF26aabcdef", "spectra": [record]}},
        "list": [record],
    }[wrap]
    (reading,) = read_spectra(as_json(document))
    np.testing.assert_allclose(reading.spectrum.flux, FLUX)
    assert reading.receipt["metadata"] == {
        "object": "ZTF26aabcdef",
        "observed_at": "2026-03-04T05:06:07Z",
        "exposure_s": 1800.0,
        "telescope": "P60",
        "instrument": "SEDM",
        "observer": None,
        "reducer": None,
        "redshift": None,
        "ra": None,
        "dec": None,
    }


def test_json_with_nulls_is_read_and_lists_of_unequal_length_are_not_used() -> None:
    holes = skyportal(fluxes=[None, *FLUX[1:]], errors=[1e-16] * 7)
    (reading,) = read_spectra(as_json(holes))
    assert reading.receipt["dropped"] == {"not finite": 1}
    assert reading.spectrum.flux_error is None
    assert "error_unusable" in codes(reading.receipt)
    assert refusal(as_json(skyportal(fluxes=[1.0, 2.0]))).code == "shape_mismatch"


@pytest.mark.parametrize(("units", "kind"), [("Jy", "fnu"), ("AB", "abmag"), ("erg/s/cm/cm/AA", "flam")])
def test_the_units_stated_in_json_are_used(units: str, kind: str) -> None:
    values = {"fnu": FLUX * WAVELENGTH**2, "abmag": -2.5 * np.log10(FLUX * WAVELENGTH**2), "flam": FLUX}[kind]
    spectrum = read_spectrum(as_json(skyportal(units=units, fluxes=values.tolist()))).spectrum
    ratio = spectrum.flux / FLUX
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
    assert spectrum.flux_kind == kind


def test_a_broken_spectrum_in_json_does_not_hide_the_others() -> None:
    records = [skyportal(), skyportal(fluxes=[]), skyportal(id=9, type="host")]
    readings = read_spectra(as_json({"data": {"spectra": records}}))
    assert len(readings) == 2
    assert "part_not_read" in codes(readings[0].receipt)
    assert "host_spectrum" in codes(readings[1].receipt)


def test_a_wiserep_table_gives_units_medium_flux_factor_and_metadata() -> None:
    bundle = zipped({"d/one.txt": text(WAVELENGTH / 10, FLUX * 1e15), "d/wiserep_spectra.csv": wiserep_csv(WISEREP)})
    (reading,) = read_spectra(bundle, "bundle.zip")
    spectrum = reading.spectrum
    assert spectrum.wavelength_range == pytest.approx((3800, 9200))
    np.testing.assert_allclose(spectrum.flux, FLUX, rtol=1e-5)
    assert (spectrum.object_name, spectrum.medium, spectrum.redshift) == ("SN2018hlp", "vacuum", 0.065)
    assert reading.receipt["metadata"]["observed_at"] == "2018-10-22T09:39:29Z"
    assert (spectrum.instrument, spectrum.telescope, spectrum.exposure_s) == ("SNIFS", "UH88", 1820.0)
    assert "looks_rest_frame" in codes(reading.receipt)
    assert reading.receipt["beside"]["REMARKS"] == "de-redshifted, please check"


def test_files_of_one_name_in_two_folders_of_a_zip_have_the_rows_of_their_own_tables() -> None:
    redshifts = {"a": "0.1", "b": "0.2"}
    tables = {f"{at}/meta.csv": wiserep_csv(WISEREP | {"Redshift": z}) for at, z in redshifts.items()}
    spectra = {f"{at}/one.txt": text(WAVELENGTH / 10, FLUX) for at in "abc"}
    readings = read_spectra(zipped(spectra | tables), "bundle.zip")
    assert [reading.spectrum.redshift for reading in readings] == [0.1, 0.2, None]


def test_one_table_of_a_zip_tells_files_of_one_name_apart_by_their_paths_and_guesses_no_row() -> None:
    rows = [
        WISEREP | {"Redshift": z, "Ascii file": file} for z, file in (("0.1", "a/one.txt"), ("0.2", "./b\\one.txt"))
    ]
    spectra = {f"{at}/one.txt": text(WAVELENGTH / 10, FLUX) for at in "ab"}
    for table, expected in ((wiserep_csv(*rows), [0.1, 0.2]), (wiserep_csv(WISEREP), [None, None])):
        readings = read_spectra(zipped(spectra | {"meta.csv": table}), "bundle.zip")
        assert [reading.spectrum.redshift for reading in readings] == expected


def test_a_file_whose_name_is_once_in_a_zip_has_its_row_wherever_the_table_lies() -> None:
    members = {"spectra/one.txt": text(WAVELENGTH / 10, FLUX), "tables/meta.csv": wiserep_csv(WISEREP)}
    (reading,) = read_spectra(zipped(members), "bundle.zip")
    assert reading.spectrum.redshift == 0.065


def test_a_tns_report_in_json_names_the_instrument_of_its_files() -> None:
    report = {"classification_report": {"0": {"name": "2026abc", "spectra": {"spectra-group": {"0": {}}}}}}
    report["classification_report"]["0"]["spectra"]["spectra-group"]["0"] = {  # type: ignore[index]
        "obsdate": "2026-03-04 05:06:07",
        "ascii_file": "one.txt",
        "exptime": "900",
    }
    (reading,) = read_spectra(zipped({"one.txt": text(WAVELENGTH, FLUX), "report.json": as_json(report)}))
    assert reading.receipt["metadata"]["observed_at"] == "2026-03-04T05:06:07Z"
    assert reading.receipt["metadata"]["exposure_s"] == 900.0


def test_the_metadata_table_of_a_folder_describes_its_files_and_is_not_a_spectrum(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(text(WAVELENGTH / 10, FLUX))
    (tmp_path / "two.txt").write_bytes(text(WAVELENGTH, FLUX))
    (tmp_path / "meta.csv").write_bytes(wiserep_csv(WISEREP))
    folder = Folder()
    assert folder.of(tmp_path / "one.txt")["WL UNITS"] == "nm"
    assert folder.of(tmp_path / "two.txt") == {}
    assert folder.of(tmp_path / "gone" / "x.txt") == {}
    reading = read_spectrum(tmp_path / "one.txt", beside=folder.of(tmp_path / "one.txt"))
    assert (reading.spectrum.medium, reading.receipt["metadata"]["redshift"]) == ("vacuum", 0.065)
    assert refusal((tmp_path / "meta.csv").read_bytes()).code == "metadata_table"


def test_the_header_of_a_file_overrides_the_metadata_table_beside_it() -> None:
    content = text(WAVELENGTH, FLUX, head="# INSTR: EFOSC2\n# UTDATE: 2026-01-02\n# EXPTIME:\n")
    beside = {"INSTRUME": "SNIFS", "DATE-OBS": "2020-01-01", "EXPTIME": "60"}
    reading = read_spectrum(content, beside=beside)
    assert (reading.spectrum.instrument, reading.spectrum.exposure_s) == ("EFOSC2", 60.0)
    assert reading.receipt["metadata"]["observed_at"] == "2026-01-02T00:00:00Z"


def test_the_report_on_an_archive_counts_the_files_read_and_refused(tmp_path: Path) -> None:
    (tmp_path / "SN2014J_20140322.dat").write_bytes(text(WAVELENGTH, FLUX))
    (tmp_path / "bad.txt").write_bytes(b"hello")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("file,instrument,obs_date\nSN2014J_20140322.dat,LDSS,2014-03-23\nbad.txt,LDSS,2014-03-23\n")
    lines = list(report(list(read_all(tmp_path, manifest))))
    assert "2 files, 1 read, 1 refused" in lines
    assert {"- refused: bad.txt: no_table", "Dates: 1 a day apart", "| LDSS | 1 | 3800 | 9200 |"} <= set(lines)


def test_all_files_of_a_zip_are_read_together_and_those_left_out_are_listed() -> None:
    members = {
        "a/SN2014J_20140322.dat": text(WAVELENGTH, FLUX),
        "b/x.fits": image(FLUX, CRVAL1=3800.0, CDELT1=18.0),
        "notes.dat": b"call me when you are back",
        "__MACOSX/._x.fits": b"junk",
        "plot.png": b"junk",
        "b/README.txt": b"see the paper",
        "empty.dat": b"",
        "t.lnw": lnw([1.0, 2.0]),
    }
    readings = read_spectra(zipped(members), "night.zip")
    assert [reading.receipt["part"] for reading in readings] == [
        "SN2014J_20140322.dat",
        "x.fits",
        "epoch +1.0 d",
        "epoch +2.0 d",
    ]
    first = readings[0].receipt
    assert (first["metadata"]["object"], first["name"]) == ("SN2014J", "night.zip")
    assert first["metadata"]["observed_at"] == "2014-03-22T00:00:00Z"
    (warning,) = (w for w in first["warnings"] if w["code"] == "member_not_read")
    assert "notes.dat" in warning["message"]
    (warning,) = (w for w in first["warnings"] if w["code"] == "members_left_out")
    assert warning["message"] == "left out of the archive, as no spectra: plot.png, README.txt, empty.dat (empty)"
    assert "members_left_out" not in codes(readings[1].receipt)


def test_a_long_list_of_what_was_left_out_of_an_archive_is_cut() -> None:
    pictures = {f"{number}.pdf": b"junk" for number in range(1200)}
    (reading,) = read_spectra(zipped({"a.txt": text(WAVELENGTH, FLUX), **pictures}), "night.zip")
    (warning,) = reading.receipt["warnings"]
    assert warning["message"].endswith("18.pdf, 19.pdf and 1180 more")


def test_corrections_apply_to_every_file_of_an_archive() -> None:
    bundle = zipped({"a.txt": text(WAVELENGTH / 10, FLUX), "b.txt": text(WAVELENGTH / 10, FLUX)})
    readings = read_spectra(bundle, None, Corrections(wavelength_unit="angstrom", frame="rest"))
    assert {reading.spectrum.wavelength_range for reading in readings} == {(380.0, 920.0)}


def test_a_path_outside_the_archive_is_only_a_label_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    readings = read_spectra(zipped({"../../evil.txt": text(WAVELENGTH, FLUX), "..\\e.txt": text(WAVELENGTH, FLUX)}))
    assert [reading.receipt["part"] for reading in readings] == ["evil.txt", "e.txt"]
    assert list(tmp_path.rglob("*")) == [tmp_path / "in"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped({}), "no_spectrum"),
        (zipped({"a.txt": b"hello"}), "no_spectrum"),
        (zipped({"a.zip": zipped({"b": b"x"})}), "bad_archive"),
        (zipped({"a.txt": text(WAVELENGTH, FLUX)})[:-30], "bad_archive"),
        (zipped({"a": text(WAVELENGTH, FLUX)}).replace(b"a", b"\0"), "no_spectrum"),
        (b"BZh91AY&SY" + bytes(99), "unsupported_archive"),
        (bytes(257) + b"ustar" + bytes(512), "unsupported_archive"),
        (as_json({"status": "error"}), "no_spectrum"),
        (b"{" * 10, "bad_json"),
    ],
)
def test_archives_and_documents_without_a_spectrum_are_refused(content: bytes, code: str) -> None:
    assert refusal(content).code == code
