"""Predictions of the shipped checkpoint, from Python and from the command line."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.__main__ import main
from classifier.calibration import ModeCalibration
from classifier.errors import SpectrumError
from classifier.predict import Classifier, SpectrumPrediction
from classifier.spectrum import Spectrum
from classifier.taxonomy import Taxonomy, load_taxonomy, read_taxonomy
from tests.factories import observe, spectrum_file
from tests.spectrum_files import FLUX, lnw, text, zipped


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(device="cpu")


def test_probabilities_cover_the_trained_classes_and_sum_to_one(classifier: Classifier) -> None:
    found = classifier.predict([(observe("SN II"), None), (observe("SN Ia"), 0.03)])
    for prediction in found:
        assert isinstance(prediction, SpectrumPrediction)
        assert tuple(prediction.probabilities) == load_taxonomy().trained
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert sum(prediction.parents.values()) == pytest.approx(1)
        assert prediction.conformal_set[0] == prediction.class_name
        assert 0 <= prediction.novelty <= 1


def test_bfloat16_as_on_a_gpu_changes_no_class_and_hardly_any_probability(classifier: Classifier) -> None:
    items = [(observe("SN II"), None), (observe("SN Ia"), 0.03), (observe("SLSN-I"), None)]
    rough = Classifier(classifier.checkpoint, classifier.device, bfloat16=True).predict(items)
    for exact, found in zip(classifier.predict(items), rough, strict=True):
        assert isinstance(exact, SpectrumPrediction)
        assert isinstance(found, SpectrumPrediction)
        assert found.class_name == exact.class_name
        assert found.probabilities != exact.probabilities
        assert found.probabilities == pytest.approx(exact.probabilities, abs=0.05)


def test_a_type_ia_supernova_is_recognised(classifier: Classifier) -> None:
    spectra = [observe("SN Ia", seed) for seed in range(12)]
    blind = [p for p in classifier.predict([(s, None) for s in spectra]) if isinstance(p, SpectrumPrediction)]
    assert sum(p.class_name == "SN Ia" for p in blind) >= 10
    given = [p.redshift for p in blind if p.redshift is not None]
    assert np.median(given) == pytest.approx(0.03, abs=0.006)


def test_a_blind_run_uses_no_redshift(classifier: Classifier) -> None:
    spectrum = observe()
    stated = Spectrum(spectrum.wavelength, spectrum.flux, redshift=0.5)
    # Each runs alone, because the place in a batch changes the last digits.
    (without,), (with_header,) = classifier.predict([(spectrum, None)]), classifier.predict([(stated, None)])
    assert without == with_header
    assert isinstance(without, SpectrumPrediction)
    assert without.redshift_used is None


def test_one_bad_spectrum_does_not_affect_the_others(classifier: Classifier) -> None:
    wavelength = np.linspace(15_000, 24_000, 500)
    infrared = Spectrum(wavelength, np.sin(wavelength))
    found = classifier.predict([(observe(), None), (infrared, None), (observe(), -3.0), (observe(), None)])
    assert isinstance(found[1], SpectrumError)
    assert found[1].code == "insufficient_coverage"
    assert isinstance(found[2], SpectrumError)
    assert found[2].code == "bad_redshift"
    assert isinstance(found[0], SpectrumPrediction)
    assert isinstance(found[3], SpectrumPrediction)
    assert found[0].probabilities == pytest.approx(found[3].probabilities, abs=1e-5)


def test_an_empty_list_of_spectra_is_not_an_error(classifier: Classifier) -> None:
    assert classifier.predict([]) == []


def test_a_conformal_set_always_contains_the_most_probable_class() -> None:
    fitted = ModeCalibration(1.0, (0.0, 0.0), (0.9, 0.2), (0.0, 1.0))
    assert fitted.conformal_set(np.array([0.6, 0.4]), ("a", "b")) == ["a", "b"]
    assert fitted.conformal_set(np.array([0.95, 0.05]), ("a", "b")) == ["a"]


def test_a_survey_can_extend_the_taxonomy_without_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = load_taxonomy().to_dict()
    new = {"name": "Kilonova", "group": "other", "trained": False, "skyportal": None, "tns": 70, "aliases": ["KN"]}
    content["classes"] = [*content["classes"], new]
    (tmp_path / "taxonomy.json").write_text(json.dumps(content))
    found = read_taxonomy(tmp_path / "taxonomy.json").find("kn")
    assert found is not None
    assert found.name == "Kilonova"


def test_a_taxonomy_that_contradicts_itself_is_refused() -> None:
    shipped = load_taxonomy()
    with pytest.raises(ValueError, match="twice"):
        Taxonomy("x", shipped.groups, (*shipped.classes, shipped.classes[0]))
    with pytest.raises(ValueError, match="groups"):
        Taxonomy("x", (), shipped.classes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "night" / "deep").mkdir(parents=True)
    (tmp_path / "night" / "a.txt").write_bytes(spectrum_file("SN Ia", REDSHIFT="0.9"))
    (tmp_path / "night" / "deep" / "b.dat").write_bytes(spectrum_file("SN II", 2))
    (tmp_path / "night" / "notes.md").write_text("nothing to see")
    (tmp_path / "night" / "m.csv").write_text("file,redshift,who\na.txt,0.03,me\ndeep/b.dat,,me\n")
    (tmp_path / "night" / "link").symlink_to(tmp_path / "night" / "deep")
    (tmp_path / "night" / "deep" / "loop").symlink_to(tmp_path / "night")
    return tmp_path / "night"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, object]]:
    assert main(["classify", "--jsonl", *map(str, arguments)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_classify_prints_one_line_per_file_and_skips_the_manifest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run(capsys, folder, "--manifest", folder / "m.csv")
    by_name = {Path(str(line["file"])).name: line for line in lines}
    assert set(by_name) == {"a.txt", "b.dat", "notes.md"}
    assert by_name["a.txt"]["redshift_used"] == 0.03
    assert by_name["b.dat"]["redshift_used"] is None
    assert by_name["notes.md"]["ok"] is False
    assert by_name["notes.md"]["error"]["code"] == "no_table"  # type: ignore[index]


def test_classify_without_a_manifest_ignores_redshifts_in_headers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = run(capsys, folder / "a.txt")
    assert line["redshift_used"] is None
    assert line["receipt"]["metadata"]["redshift"] == 0.9  # type: ignore[index]
    assert set(line) == {
        *("file", "ok", "class", "probabilities", "parents", "set", "novelty", "redshift", "redshift_error"),
        *("redshift_used", "crosscheck", "receipt", "error", "spectra"),
    }


def test_all_spectra_of_a_file_are_classified_on_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    infrared = text(np.linspace(15_000, 24_000, 300), FLUX)
    (tmp_path / "night.zip").write_bytes(zipped({"a.txt": spectrum_file(), "b.txt": infrared, "c.txt": b"hello"}))
    (tmp_path / "sn1990N.lnw").write_bytes(lnw([-5.0, 2.0, 9.0]))
    archive, template = run(capsys, tmp_path)
    (second,) = archive["spectra"]  # type: ignore[misc]
    assert (archive["ok"], second["ok"], second["error"]["code"]) == (True, False, "insufficient_coverage")
    assert set(archive) == {*second, "file", "spectra"}
    assert [one["receipt"]["part"] for one in template["spectra"]] == ["epoch +2.0 d", "epoch +9.0 d"]  # type: ignore


def test_a_metadata_table_in_the_folder_is_not_a_spectrum_and_its_redshift_is_not_used(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deep" / "wiserep.csv").write_text("Ascii file,Redshift,WL Medium\nb.dat,0.5,Vacuum\n")
    by_name = {Path(str(line["file"])).name: line for line in run(capsys, folder / "deep")}
    assert by_name["wiserep.csv"]["error"]["code"] == "metadata_table"  # type: ignore[index]
    receipt: Any = by_name["b.dat"]["receipt"]
    assert (by_name["b.dat"]["redshift_used"], receipt["metadata"]["redshift"], receipt["medium"]) == (
        None,
        0.5,
        "vacuum",
    )
    lines = run(capsys, folder / "a.txt", "--manifest", folder / "m.csv")
    assert lines[0]["receipt"]["beside"] == {}  # type: ignore[index]


def test_a_file_name_that_is_not_utf8_gives_valid_json(folder: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    Path(os.fsdecode(odd)).write_bytes(spectrum_file())
    command = [sys.executable, "-m", "classifier", "classify", "--jsonl", odd]
    found = subprocess.run(command, check=True, capture_output=True)
    assert json.loads(found.stdout)["file"].endswith("caf\udce9.txt")


def test_one_redshift_can_be_given_for_all_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, folder / "a.txt", folder / "deep" / "b.dat", "--redshift", "0.02")
    assert [line["redshift_used"] for line in lines] == [0.02, 0.02]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([".", "--manifest", "nowhere.csv"], "nowhere.csv"),
        ([".", "--checkpoint", "nowhere"], "cannot be loaded"),
    ],
)
def test_a_usage_error_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_path_gets_an_error_line_and_the_other_files_are_classified(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, good = run(capsys, folder / "nowhere.txt", folder / "a.txt")
    assert missing["error"]["code"] == "unreadable_file"
    assert good["ok"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file,z\na.txt,0.1\n", "no column “redshift” among file, z"),
        ("name;redshift\n", "no column “file”"),
        ("file,redshift\na.txt,inf\n", "line 2"),
        ("file,redshift\na.txt,0.1\na.txt,0.2\n", "line 2 of"),
    ],
)
def test_a_manifest_without_any_usable_redshift_is_refused(
    folder: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "m.csv").write_text(content)
    assert main(["classify", str(folder), "--manifest", str(folder / "m.csv")]) == 2
    assert said in capsys.readouterr().err


def test_a_manifest_may_have_spaces_and_capitals_in_its_header(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Rows that say the same of the redshift are one; the other columns are not of this command.
    (folder / "m.csv").write_text("File, Redshift , comment\n a.txt , 0.02, one\na.txt,0.02,two\n")
    (line,) = run(capsys, folder / "a.txt", "--manifest", folder / "m.csv")
    assert line["redshift_used"] == 0.02


@pytest.mark.parametrize("redshift", ["high", "0,0345"])
def test_an_invalid_redshift_in_a_manifest_is_reported_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str], redshift: str
) -> None:
    (folder / "m.csv").write_text(f"file,redshift\na.txt,{redshift}\n")
    assert main(["classify", str(folder), "--manifest", str(folder / "m.csv")]) == 2
    assert "line 2" in capsys.readouterr().err


def test_the_table_has_one_readable_line_per_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", str(folder / "a.txt"), str(folder / "notes.md")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "a.txt" in first
    assert "SN" in first
    assert "no_table" in second


def test_the_classifier_works_without_django() -> None:
    imports = "import sys, classifier.predict, classifier.readers, classifier.training.train"
    code = f"{imports}; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_lamp_spectrum_is_novel_and_familiar_spectra_are_not() -> None:
    classifier = Classifier.load(device="cpu")
    familiar = [(observe(name, seed=seed), None) for name in ("SN Ia", "SN II") for seed in range(4, 12)]
    novelty = [result.novelty for result in classifier.predict(familiar) if isinstance(result, SpectrumPrediction)]
    assert len(novelty) == 16
    assert np.median(novelty) < 0.9


def test_a_redshift_that_leaves_nothing_on_the_grid_is_refused() -> None:
    classifier = Classifier.load(device="cpu")
    (result,) = classifier.predict([(observe(), 6.0)])
    assert isinstance(result, SpectrumError)
    assert result.code == "insufficient_coverage"


def test_flux_too_large_to_compute_with_is_refused() -> None:
    spectrum = observe()
    flux = spectrum.flux.copy()
    flux[100] = 1.7e308
    broken = dataclasses.replace(spectrum, flux=flux, flux_error=None)
    (result,) = Classifier.load(device="cpu").predict([(broken, None)])
    assert isinstance(result, SpectrumError) or np.isfinite(list(result.probabilities.values())).all()
