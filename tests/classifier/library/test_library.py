"""A library of named spectra: what is imported, what a spectrum is matched with, and what that is worth."""

from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from classifier.__main__ import main
from classifier.crosscheck import flattened_terms
from classifier.errors import CheckpointError, SpectrumError
from classifier.flattening import with_noise
from classifier.library.importers import import_library
from classifier.library.library import GRID, Library
from classifier.library.matching import Matcher, NamedMatch
from classifier.library.measure import Tried, measure, trust_out_of_fold
from classifier.library.trust import phase_of, trust_of
from classifier.readers import read_spectrum
from classifier.resampling import resample_arrays
from classifier.spectrum import Spectrum
from classifier.taxonomy import load_taxonomy
from tests.spectrum_files import lnw, text

WAVELENGTH = np.arange(3500.0, 9000.0, 4.0)
KINDS = {"Ia-norm": 5900.0, "Ib": 6600.0, "IIP": 4900.0}


def shape(centre: float, age: float, tilt: float = 0.0, wavelength: np.ndarray = WAVELENGTH) -> np.ndarray:
    """Return a spectrum with three wide lines; a kind has its own places, and an age moves the weaker one."""
    lines = sum(
        depth * np.exp(-0.5 * ((wavelength - place) / 60) ** 2)
        for place, depth in ((centre, -0.6), (centre - 900, 0.5), (4300 + 12 * age, -0.4))
    )
    return (1 + lines) * (1 + tilt * (wavelength - 6000) / 3000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a table: four objects of each of three kinds, six ages each."""
    rows = ["file,name,type,phase,redshift"]
    for kind, centre in KINDS.items():
        for number in range(4):
            for age in range(-10, 50, 10):
                name = f"{kind}{number}_{age}.txt"
                (tmp_path / name).write_bytes(text(WAVELENGTH, shape(centre, age, 0.1 * number)))
                rows.append(f"{name},SN {kind} {number},{kind},{age},0")
    (tmp_path / "library.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.fixture
def library(folder: Path) -> Library:
    return import_library([folder], load_taxonomy())[0]


def matches(library: Library, flux: np.ndarray, redshift: float, stretch: float = 1.0) -> list[NamedMatch]:
    resampled = resample_arrays(WAVELENGTH * stretch, flux, GRID)
    terms = flattened_terms(torch.from_numpy(resampled.flux[None]), torch.from_numpy(resampled.covered[None]), GRID)
    return Matcher(library).match(terms, [[redshift]])[0]


def test_a_folder_with_a_table_becomes_named_spectra_with_classes_and_phases(library: Library) -> None:
    assert (len(library), len(library.objects)) == (72, 12)
    assert {entry.class_name for entry in library.objects} == {"SN Ia", "SN Ib", "SN II"}
    assert sorted(set(library.phase.tolist())) == [-10, 0, 10, 20, 30, 40]


def test_a_bad_file_is_counted_by_its_code_and_the_rest_goes_in(folder: Path) -> None:
    with (folder / "library.csv").open("a") as table:
        table.write("\nmissing.txt,SN X,Ia,0,0\n../../etc/passwd,SN Y,Ia,0,0\nIb0_0.txt,SN Z,Ib,soon,0")
    library, summary = import_library([folder, folder / "nothing.bin"], load_taxonomy())
    assert len(library) == 72
    assert summary.refused == {"bad_row": 3, "unknown_type": 1}


def test_a_library_comes_back_from_its_file(library: Library, tmp_path: Path) -> None:
    library.save(tmp_path / "library.safetensors")
    again = Library.load(tmp_path / "library.safetensors")
    assert again.objects == library.objects
    np.testing.assert_allclose(again.flux, library.flux, atol=3e-3)
    (tmp_path / "library.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="no library"):
        Library.load(tmp_path / "library.safetensors")


def test_the_object_that_a_spectrum_shows_is_named_at_its_redshift(library: Library) -> None:
    named = matches(library, shape(KINDS["Ib"], 20, 0.3), 0.05, stretch=1.05)
    assert library.objects[named[0].object].type == "Ib"
    assert library.phase[named[0].spectrum] == 20
    assert named[0].redshift == pytest.approx(0.05, abs=2e-3)
    assert [match.score for match in named] == sorted((match.score for match in named), reverse=True)
    assert len({match.object for match in named}) == len(named)


def test_a_spectrum_that_covers_too_little_is_like_nothing(library: Library) -> None:
    few = WAVELENGTH > 8150
    resampled = resample_arrays(WAVELENGTH[few], shape(5900, 0)[few], GRID)
    terms = flattened_terms(torch.from_numpy(resampled.flux[None]), torch.from_numpy(resampled.covered[None]), GRID)
    assert Matcher(library).match(terms, [[0.0]]) == [[]]


def test_trust_and_phase_are_measured_with_each_object_left_out(library: Library) -> None:
    assert trust_of(matches(library, shape(5900, 10), 0.0), library, "known") is None
    measured = measure(library)
    assert measured.trust["measured"]["by_noise"][0]["right"] == 1.0
    named = matches(measured, shape(KINDS["Ia-norm"], 14), 0.0)
    assert (trust_of(named, measured, "known") or 0) > 0.9
    phase = phase_of(named, measured, "SN Ia", "known")
    assert phase is not None
    assert abs(phase.days - 14) < 8
    assert 0 < phase.error < 20
    assert phase_of(named, measured, "TDE", "known") is None
    # Twelve phases are too few to measure.
    assert phase_of(named, measured, "SN Ia", "estimated") is None


def test_trust_is_measured_with_noise_and_at_estimated_redshifts_too(library: Library) -> None:
    measured = measure(library)
    kinds = [(row["redshift"], row["ratio"]) for row in measured.trust["measured"]["by_noise"]]
    assert kinds == [(redshift, ratio) for redshift in ("known", "estimated") for ratio in (None, 10.0, 5.0)]
    first, *_, last = measured.trust["measured"]["by_noise"]
    # Each object counts once, and where a redshift is estimated one spectrum of it is taken.
    assert (first["spectra"], first["objects"], last["spectra"], last["objects"]) == (72, 12, 12, 12)
    for row in measured.trust["measured"]["by_noise"]:
        assert row["interval"][0] <= row["right"] <= row["interval"][1]
    named = matches(measured, shape(KINDS["Ib"], 14), 0.0)
    assert trust_of(named, measured, "estimated") != trust_of(named, measured, "known")
    assert trust_of(named, measured, "template") is None
    assert measure(library).trust == measured.trust


def test_trust_falls_with_rivals_close_behind_and_is_that_of_the_class(library: Library) -> None:
    measured = dataclasses.replace(
        library, trust={"class_right": {"known": {"constant": 0.0, "score": 0.0, "odds": 1.0, "SN Ib": -1.0}}}
    )
    first = {entry.class_name: number for number, entry in reversed(list(enumerate(library.objects)))}

    def trust(*ranked: tuple[str, float]) -> float:
        return trust_of([NamedMatch(first[name], 0, 0.0, score) for name, score in ranked], measured, "known") or 0

    even = trust(("SN Ia", 9.0), ("SN II", 9.0))
    assert even == pytest.approx(0.5)
    assert trust(("SN Ia", 9.0), ("SN II", 6.0)) > trust(("SN Ia", 9.0), ("SN II", 8.0)) > even
    assert trust(("SN Ia", 9.0), ("SN II", 8.0), ("SN II", 8.0)) < trust(("SN Ia", 9.0), ("SN Ia", 8.0), ("SN II", 8.0))
    assert trust(("SN Ib", 9.0), ("SN II", 9.0)) < even


def test_trust_is_judged_by_a_fit_that_the_object_had_no_part_in(library: Library) -> None:
    ranked = [NamedMatch(number, 0, 0.0, 20.0 - number) for number in range(5)]
    classes = {number: library.objects[0].class_name for number in range(len(library.objects))}

    def stated(wrong: int) -> list[float]:
        """Return the trust stated for each object, if the class of one of them is not what its matches say."""
        named = [classes[number] if number != wrong else "TDE" for number in range(len(library.objects))]
        objects = tuple(
            dataclasses.replace(one, class_name=name) for one, name in zip(library.objects, named, strict=True)
        )
        rows = [int(np.flatnonzero(library.owner == number)[0]) for number in range(len(objects))]
        tried = [Tried(row, "known", None, 1.0, ranked) for row in rows]
        found = trust_out_of_fold(dataclasses.replace(library, objects=objects), tried)
        return [found[id(one)] for one in tried]

    right, wrong = stated(wrong=-1), stated(wrong=7)
    assert wrong[7] == pytest.approx(right[7])
    assert wrong[6] < right[6]


def test_noise_hides_lines_that_are_weak_before_those_that_are_strong(library: Library) -> None:
    noise = np.random.default_rng(1).standard_normal((1, GRID.samples)).astype(np.float32) / 5
    flux, covered = library.flux[:1], (library.weight[:1] > 0).astype(np.float32)

    def kept(contrast: float) -> float:
        noisy = with_noise(flux, covered, np.array([contrast], dtype=np.float32), noise)
        assert (noisy[covered == 0] == 0).all()
        return float(np.corrcoef(noisy[0], flux[0])[0, 1])

    assert kept(2.0) > 0.95
    assert kept(2.0) > kept(0.2) > kept(0.02)


def test_a_library_behind_another_keeps_its_spectra_and_shares_its_objects(library: Library) -> None:
    renamed = tuple(dataclasses.replace(entry, name=entry.name.replace(" 3", " 9")) for entry in library.objects)
    both = library.joined(dataclasses.replace(library, objects=renamed))
    assert (len(both), len(both.objects)) == (144, 15)
    assert both.objects[: len(library.objects)] == library.objects
    for row in range(72):
        assert both.objects[both.owner[72 + row]].name == renamed[library.owner[row]].name


def test_the_hdf5_library_of_another_classifier_is_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    grid = 2500 * 4 ** ((np.arange(1024) + 0.5) / 1024)
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["metadata/standard_wavelength"] = grid
        group = file.create_group("templates/sn1994D")
        group.attrs.update({"type": "Ia", "subtype": "Ia-norm"})
        for number, age in enumerate((-5.0, -99.9)):
            epoch = group.create_group(f"epochs/epoch_{number}")
            epoch.attrs["age"] = age
            epoch["flux"] = (shape(5900, 0, wavelength=grid) - 1) * ((grid > 3600) & (grid < 8800))
    (tmp_path / "templates_Ia.hdf5").write_bytes(content.getvalue())
    (tmp_path / "broken.hdf5").write_bytes(b"no")
    library, summary = import_library([tmp_path], load_taxonomy())
    assert (len(library), library.objects[0].class_name) == (2, "SN Ia")
    assert library.phase[0] == -5.0
    assert math.isnan(library.phase[1])
    assert summary.refused == {"bad_hdf5": 1}


def test_the_command_imports_measures_and_matches(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "library.safetensors"
    assert main(["library", "import", str(folder), "--out", str(out)]) == 0
    assert "72 spectra of 12 objects" in capsys.readouterr().out
    picture = folder / "trust.png"
    assert main(["library", "measure", str(out), "--picture", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert '"by_noise"' in capsys.readouterr().out
    (folder / "unknown.txt").write_bytes(text(WAVELENGTH, shape(KINDS["IIP"], 30)))
    capsys.readouterr()
    assert main(["library", "match", str(folder / "unknown.txt"), "--library", str(out), "--redshift", "0"]) == 0
    said = capsys.readouterr().out
    assert "SN IIP" in said.splitlines()[0]
    assert "SN II is right with a probability of" in said
    assert main(["library", "match", str(folder / "unknown.txt"), "--library", "nowhere", "--redshift", "0"]) == 1


def test_the_command_does_not_move_a_spectrum_that_is_at_rest_to_the_rest_frame_once_more(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library.save(tmp_path / "library.safetensors")
    (tmp_path / "sn1990N.lnw").write_bytes(lnw([3.0]))
    said = []
    for redshift in ("0", "0.1"):
        match = ["library", "match", str(tmp_path / "sn1990N.lnw"), "--library", str(tmp_path / "library.safetensors")]
        assert main([*match, "--redshift", redshift]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""


def test_the_command_refuses_a_redshift_that_cannot_be_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["library", "match", "a.txt", "--library", "b", "--redshift", "-2"])


def test_an_object_that_two_sources_spell_differently_is_one_and_is_left_out_as_one(
    folder: Path, tmp_path: Path
) -> None:
    for place, name in (("one", "SN 1994D"), ("two", "sn94D"), ("three", "1994D")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.txt").write_bytes((folder / "Ia-norm0_0.txt").read_bytes())
        (tmp_path / place / "library.csv").write_text(f"file,name,type,phase,redshift\na.txt,{name},Ia,0,0")
    paths = [folder, *(tmp_path / place for place in ("one", "two", "three"))]
    library, _ = import_library(paths, load_taxonomy())
    assert (len(library), len(library.objects)) == (75, 13)
    (number,) = library.called(["SN1994D", "AT2018cow", "sn_94d"])
    assert library.objects[number].name == "SN 1994D"
    spectrum = read_spectrum(folder / "Ia-norm0_0.txt", "a.txt").spectrum
    assert number in {match.object for match in Matcher(library).match_spectra([spectrum], [[0.0]])[0]}
    assert number not in {match.object for match in Matcher(library).match_spectra([spectrum], [[0.0]], [[number]])[0]}


def test_nothing_to_import_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(SpectrumError, match="no named spectrum"):
        import_library([tmp_path], load_taxonomy())
    (tmp_path / "what.bin").write_bytes(b"?")
    with pytest.raises(SpectrumError, match=r"what\.bin is no library"):
        import_library([tmp_path / "what.bin"], load_taxonomy())


def test_a_library_of_one_object_cannot_be_measured(library: Library) -> None:
    rows = library.owner == 0
    alone = dataclasses.replace(
        library,
        flux=library.flux[rows],
        weight=library.weight[rows],
        contrast=library.contrast[rows],
        owner=library.owner[rows],
        phase=library.phase[rows],
        objects=library.objects[:1],
    )
    with pytest.raises(SpectrumError, match="two objects"):
        measure(alone)


def test_a_library_that_was_made_on_another_grid_is_refused(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "library.safetensors"
    library.save(path)
    path.write_bytes(path.read_bytes().replace(b'\\"first\\": 2000.0', b'\\"first\\": 2100.0'))
    with pytest.raises(CheckpointError, match="another grid"):
        Library.load(path)


def test_a_library_of_an_earlier_version_is_refused_with_what_to_do(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "library.safetensors"
    library.save(path)
    path.write_bytes(path.read_bytes().replace(b'"contrast"', b'"contrary"', 1))
    with pytest.raises(CheckpointError, match="earlier version; run `make library` again"):
        Library.load(path)


def test_ages_that_begin_at_zero_do_not_count_from_maximum(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    grid = 2500 * 4 ** ((np.arange(1024) + 0.5) / 1024)
    with h5py.File(tmp_path / "templates_Ib.hdf5", "w") as file:
        file["metadata/standard_wavelength"] = grid
        group = file.create_group("templates/sn1995F")
        group.attrs.update({"type": "Ib", "subtype": "Ib-norm"})
        for number, age in enumerate((0.0, 12.0)):
            epoch = group.create_group(f"epochs/epoch_{number}")
            epoch.attrs["age"] = age
            epoch["flux"] = (shape(6600, 0, wavelength=grid) - 1) * ((grid > 3600) & (grid < 8800))
    library, _ = import_library([tmp_path], load_taxonomy())
    assert np.isnan(library.phase).all()


def test_many_spectra_at_once_are_matched_as_one_by_one(library: Library) -> None:
    flux, weight = torch.from_numpy(library.flux), torch.from_numpy(library.weight)
    terms = torch.stack([flux * weight, flux**2 * weight, weight])
    redshifts = [[0.0] if row % 2 else [0.0, 0.1] for row in range(len(library))]
    matcher = Matcher(library)
    together = matcher.match(terms, redshifts, [[number] for number in library.owner.tolist()])
    for row in (0, 1, 30, 71):
        (alone,) = matcher.match(terms[:, row : row + 1], [redshifts[row]], [[int(library.owner[row])]])
        assert [match.spectrum for match in together[row]] == [match.spectrum for match in alone]
        assert [match.score for match in together[row]] == pytest.approx([match.score for match in alone], rel=1e-4)


def test_spectra_of_a_batch_are_matched_as_alone_and_one_that_covers_too_little_costs_the_others_nothing(
    library: Library,
) -> None:
    wide = [Spectrum(WAVELENGTH, shape(centre, age)) for centre, age in ((5900, 5), (6600, 15), (4900, 25))]
    narrow = Spectrum(WAVELENGTH[:50], 1 + 0.001 * WAVELENGTH[:50])
    moved = Spectrum(WAVELENGTH * 1.1, shape(6600, 0))
    matcher = Matcher(library)
    together = matcher.match_spectra([wide[0], narrow, *wide[1:], moved], [[0.0], [0.0], [0.0, 0.1], [], [0.1]])
    assert isinstance(together[1], SpectrumError)
    assert together[3] == []
    for row, spectrum, redshifts in ((0, wide[0], [0.0]), (2, wide[1], [0.0, 0.1]), (4, moved, [0.1])):
        (alone,), batched = matcher.match_spectra([spectrum], [redshifts]), together[row]
        assert isinstance(alone, list)
        assert isinstance(batched, list)
        assert [(match.object, match.spectrum, match.redshift) for match in batched] == [
            (match.object, match.spectrum, match.redshift) for match in alone
        ]
        assert [match.score for match in batched] == pytest.approx([match.score for match in alone], rel=1e-4)


def test_a_score_is_the_correlation_times_the_root_of_the_samples_compared(library: Library) -> None:
    resampled = resample_arrays(WAVELENGTH, shape(5900, 12, 0.2), GRID)
    terms = flattened_terms(torch.from_numpy(resampled.flux[None]), torch.from_numpy(resampled.covered[None]), GRID)
    weighted, squared, weight = terms[:, 0].double().numpy()
    best: dict[int, float] = {}
    for shift in range(-3, 4):
        one, square, mask = (np.roll(term, -shift) for term in (weighted, squared, weight))
        flux, theirs = library.flux.astype(np.float64), library.weight.astype(np.float64)
        overlap = theirs @ mask
        correlation = (flux * theirs) @ one / np.sqrt((theirs @ square) * ((flux**2 * theirs) @ mask))
        for owner, score in zip(library.owner.tolist(), correlation * np.sqrt(overlap), strict=True):
            best[owner] = max(best.get(owner, 0.0), score)
    (found,) = Matcher(library).match(terms, [[0.0]])
    assert {match.object: match.score for match in found} == pytest.approx(
        {owner: score for owner, score in best.items() if score > 0}, rel=1e-3
    )
