"""Public archives become one file to train on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from classifier.__main__ import main
from classifier.preprocess import PreprocessConfig
from classifier.readers import read_spectra
from classifier.taxonomy import load_taxonomy
from classifier.training.dataset import read_labelled
from classifier.training.public_archives import import_archives, label_of
from tests.spectrum_files import FLUX, WAVELENGTH, lnw, text


def catalogue(path: Path, **objects: Any) -> None:
    path.write_text(json.dumps(objects))


def entry(claimed: str, *spectra: dict[str, Any], aliases: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "alias": [{"value": alias} for alias in aliases],
        "claimedtype": [{"value": claimed}],
        "redshift": [{"value": "0.0125"}, {"value": "0.0131"}],
        "spectra": list(spectra),
    }


def spectrum(**more: Any) -> dict[str, Any]:
    rows = [[f"{w:.2f}", f"{f:.4e}"] for w, f in zip(WAVELENGTH, FLUX, strict=True)]
    return {"data": rows, "u_wavelengths": "Angstrom", "u_fluxes": "erg/s/cm^2/Angstrom", "time": "53000.5",
            "u_time": "MJD", "instrument": "FAST", **more}  # fmt: skip


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "wiserep").mkdir(parents=True)
    catalogue(
        folder / "sne.json",
        **{
            "SN2004aw": entry("Ic", spectrum(), spectrum(deredshifted=True), {"data": []}),
            "ASASSN-15lh": entry("SLSN-I?", spectrum(), aliases=("ASASSN-15lh", "SN2015L")),
        },
    )
    with (folder / "wiserep" / "spectra.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["IAU name", "Obj. Type", "Redshift", "Obs-date", "Instrument", "Ascii file", "WL Units"])
        writer.writerow(["SN 2015L", "SLSN-I", "0.2326", "2015-06-21", "DuPont - WFCCD", "one.txt", "nm"])
        writer.writerow(["SN 2016gkg", "SN IIP", "", "2016-09-21", "SALT - RSS", "two.txt", "Angstrom"])
    (folder / "wiserep" / "one.txt").write_bytes(text(WAVELENGTH / 10, FLUX))
    (folder / "wiserep" / "two.txt").write_bytes(text(WAVELENGTH, FLUX))
    (folder / "wiserep" / "stray.txt").write_bytes(text(WAVELENGTH, FLUX))
    (folder / "sn1990N.lnw").write_bytes(lnw([-7.5, 3.0]))
    return folder


def test_every_layout_ends_in_one_file_with_units_frames_and_classes_settled(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    summary = import_archives([archive], out, load_taxonomy())
    rows = {(row["source"], row["filename"]): row for row in rows_of(out)}
    assert len(rows) == 7
    ic = rows["osc", "SN2004aw, spectrum 0"]
    assert (ic["label"], ic["redshift"], ic["date"], ic["frame"]) == ("SN Ic", 0.0125, "2003-12-27", "observed")
    assert rows["osc", "SN2004aw, spectrum 1"]["frame"] == "rest"
    slsn = rows["wiserep", "one.txt"]
    assert slsn["wavelength"][0] == pytest.approx(WAVELENGTH[0], rel=1e-5)
    assert (slsn["label"], slsn["instrument"]) == ("SLSN-I", "DuPont - WFCCD")
    assert rows["wiserep", "two.txt"]["label"] == "SN II"
    assert {row["label"] for row in rows.values() if row["source"] == "snid"} == {"SN Ia"}
    assert summary.refused == {"no_spectrum": 1, "unknown_type": 1}
    assert summary.written[None] == 1


def test_a_snid_template_is_trained_on_with_the_continuum_that_its_knots_describe(tmp_path: Path) -> None:
    (tmp_path / "sn1990N.lnw").write_bytes(lnw([-7.5, 3.0]))
    import_archives([tmp_path / "sn1990N.lnw"], tmp_path / "train.parquet", load_taxonomy())
    early, late = rows_of(tmp_path / "train.parquet")
    assert (early["filename"], late["filename"]) == ("sn1990N.lnw#-7.5", "sn1990N.lnw#+3.0")
    wavelength = np.array(early["wavelength"], dtype=float)
    sample = 1 + 1024 * np.log(wavelength / 2500) / np.log(4)
    continuum = 10 ** (np.log10(2) * (1 - 2 * np.log10(sample) / np.log10(1024)))
    expected = (1 + np.sin(wavelength / 60 - 7.5)) * continuum / wavelength
    flux = np.array(early["flux"], dtype=float)
    np.testing.assert_allclose(flux / flux.mean(), expected / expected.mean(), atol=0.02)


def test_a_template_without_usable_knots_is_refused_by_the_training_alone(tmp_path: Path) -> None:
    broken = lnw([-7.5]).replace(b"    3.0103", b"    0.0000")
    (tmp_path / "sn1990N.lnw").write_bytes(broken)
    summary = import_archives([tmp_path / "sn1990N.lnw"], tmp_path / "train.parquet", load_taxonomy())
    assert sum(summary.refused.values()) == 1
    assert len(read_spectra(broken, "sn1990N.lnw")) == 1


def test_one_object_under_two_names_in_two_archives_gets_one_id(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "train.parquet"
    import_archives([archive], out, load_taxonomy())
    ids = {row["source"]: row["object_id"] for row in rows_of(out) if "15" in row["object"]}
    assert ids == {"osc": "2015l", "wiserep": "2015l"}


def test_training_reads_what_the_import_wrote(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "train.parquet"
    assert main(["data", "import", str(archive), "--out", str(out)]) == 0
    assert "SN Ic" in capsys.readouterr().out
    taxonomy = load_taxonomy()
    data = read_labelled([out], taxonomy.trained, PreprocessConfig())
    assert len(data) == 7
    assert sorted({taxonomy.trained[i] for i in data.labels.tolist() if i >= 0}) == [
        "SLSN-I",
        "SN II",
        "SN Ia",
        "SN Ic",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "train.parquet"}


@pytest.mark.parametrize(
    ("archived", "label"),
    [
        ("SN Ia-91T-like", "SN Ia"),
        ("Computed-IIP", "SN II"),
        ("SN Iax[02cx-like]", "SN Ia"),
        ("Ic BL", "SN Ic-BL"),
        ("QSO", "AGN"),
        ("SN Ib/c", None),
        ("II?", None),
        ("SN", None),
        ("SN impostor", None),
        ("", None),
    ],
)
def test_an_archives_type_is_trained_as_the_class_it_surely_is(archived: str, label: str | None) -> None:
    assert label_of(archived, load_taxonomy()) == label
