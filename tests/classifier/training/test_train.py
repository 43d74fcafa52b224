from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from classifier.__main__ import main
from classifier.checkpoint import load_checkpoint, save_checkpoint
from classifier.checkpoint_files import COMPARISON, HELD_OUT, read_figures, write_figures
from classifier.commands import hold_out
from classifier.ensemble import Ensemble
from classifier.errors import CheckpointError
from classifier.evaluation import unseen_classes
from classifier.evaluation.evaluate import evaluate_checkpoint
from classifier.evaluation.paper_comparison import compare
from classifier.evaluation.text_report import redshift_text, text_report
from classifier.network import SpectraNet, SpectraNetConfig
from classifier.outputs import MODES
from classifier.predict import Classifier, SpectrumPrediction
from classifier.preprocess import PreprocessConfig
from classifier.simulation.class_statistics import compute_statistics
from classifier.taxonomy import load_taxonomy
from classifier.training import references
from classifier.training.augment import AugmentConfig, augment
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra, read_labelled, sampling_weights
from classifier.training.folds import fold_of, folds_of
from classifier.training.inference import infer, infer_both, infer_out_of_fold
from classifier.training.measured import Measured
from classifier.training.presets import PAPER_CLASSES
from classifier.training.redshift import train_redshift
from classifier.training.state import claim
from classifier.training.train import fit_folds, train
from tests.factories import observe
from tests.labelled_archive import write_archive

GRID = PreprocessConfig()
TINY = TrainConfig(folds=2, epochs=1, epoch_size=64, batch_size=32)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "tiny.parquet"
    write_archive(path)
    return path


@pytest.fixture(scope="module")
def few(parquet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty objects, because the paper's network is slow."""
    path = tmp_path_factory.mktemp("few") / "few.parquet"
    pq.write_table(pq.read_table(parquet).slice(0, 60), path)
    return path


def test_all_spectra_of_an_object_are_in_one_fold_and_stay_there_when_objects_are_added(parquet: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    fold = {object_id: number for object_id, number in zip(data.object_ids, folds_of(data, 5).tolist(), strict=True)}
    assert folds_of(data, 5).tolist() == [fold[object_id] for object_id in data.object_ids]
    assert set(fold.values()) == set(range(5))
    few = data.take(torch.arange(30))
    assert folds_of(few, 5).tolist() == folds_of(data, 5)[:30].tolist()


def test_each_object_is_answered_by_the_network_that_never_saw_it(parquet: Path) -> None:
    torch.manual_seed(0)
    data = read_labelled([parquet], load_taxonomy().trained, GRID).take(torch.arange(30))
    members = [SpectraNet(SpectraNetConfig.compact(15)).eval() for _ in range(3)]
    found = infer_out_of_fold(Ensemble(members), data, GRID, [None] * len(members))
    folds = folds_of(data, 3)
    for fold, member in enumerate(members):
        rows = torch.nonzero(folds == fold).squeeze(1)
        alone = infer_both(member, data.take(rows), GRID)
        for mode in MODES:
            np.testing.assert_allclose(found[mode].logits[rows.numpy()], alone[mode].logits, rtol=1e-5)


def test_a_network_is_calibrated_on_other_objects_than_it_is_measured_on(parquet: Path) -> None:
    torch.manual_seed(0)
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    network = Ensemble([SpectraNet(SpectraNetConfig.compact(15)).eval() for _ in range(2)])
    measured = Measured.out_of_fold(network, GRID, data, load_taxonomy())
    wrong = dataclasses.replace(data, labels=torch.where(folds_of(data, 2) == 0, 5, data.labels))
    changed = Measured.out_of_fold(network, GRID, wrong, load_taxonomy())
    # The labels of fold 0 change the class probabilities of fold 1 alone.
    assert changed.calibrations[0].known == measured.calibrations[0].known
    assert changed.calibrations[1].known != measured.calibrations[1].known


def test_objects_with_many_spectra_can_count_like_any_other(parquet: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    one = data.take(torch.tensor([0, 1, 2, 3]))  # three of the first object, one of the second
    weights = sampling_weights(one, object_power=1.0, class_power=0.0)
    assert weights[:3].sum() == pytest.approx(float(weights[3]))


def test_augmentation_keeps_shapes_and_never_adds_coverage(parquet: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    random = torch.Generator().manual_seed(0)
    flux, covered = augment(data.flux, data.covered, AugmentConfig(), GRID, random)
    assert flux.shape == data.flux.shape
    assert flux.isfinite().all()
    assert not (covered & ~data.covered).any()
    assert covered.any(dim=1).all()
    assert (flux[~covered] == 0).all()


@pytest.mark.parametrize(("preset", "classes"), [("paper", PAPER_CLASSES), ("paper-taxonomy", load_taxonomy().trained)])
def test_the_network_of_the_paper_is_trained_and_classifies_without_a_redshift_of_its_own(
    few: Path, tmp_path: Path, preset: str, classes: tuple[str, ...]
) -> None:
    settings = dataclasses.replace(TINY, preset=preset, epoch_size=4, batch_size=2)
    train([few], tmp_path, settings)
    classifier = Classifier(load_checkpoint(tmp_path), torch.device("cpu"))
    assert (classifier.network.config.in_channels, classifier.network.config.samples) == (1, 4096)
    (found,) = classifier.predict([(observe("SN Ia"), 0.03)])
    assert isinstance(found, SpectrumPrediction)
    assert tuple(found.probabilities) == classes
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert (found.redshift, found.redshift_used) == (None, 0.03)


def test_the_papers_second_network_learns_redshifts_alone(few: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(TINY, preset="paper-redshift", epoch_size=4, batch_size=2)
    figures = train_redshift([few], tmp_path / "out", settings, device=torch.device("cpu"), run=tmp_path / "run")
    assert figures["given"] == 1
    assert figures["rms"] > 0
    assert figures["pull_width"] is None
    assert "RMS" in redshift_text(figures)
    stored = load_file(tmp_path / "out" / "weights.safetensors")
    assert stored["members.1.redshift_head.weight"].shape == (1, 384)


def test_the_papers_network_is_compared_with_ours_on_objects_that_neither_saw(few: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(TINY, preset="paper", epoch_size=4, batch_size=2)
    data = read_labelled([few], load_taxonomy().trained, settings.grid)
    found = compare(
        data, load_taxonomy().trained, settings, ("paper", "paper-redshift", "fine"), 6, torch.device("cpu")
    )
    # The paper's classes leave the stars out.
    assert [figures["objects"] for figures in found.values()] == [5, 6, 6]
    assert [figures["drawn"] for figures in found.values()] == [4, 4, 4]
    assert "accuracy" in found["fine"]
    assert "rms" in found["paper-redshift"]
    write_figures(found, tmp_path / COMPARISON)
    assert read_figures(tmp_path / COMPARISON) == found


@pytest.fixture(scope="module")
def trained(parquet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("checkpoint")
    train([parquet], out, TINY)
    return out


def test_training_writes_a_checkpoint_that_rebuilds_itself_bit_for_bit(trained: Path, parquet: Path) -> None:
    first, second = load_checkpoint(trained), load_checkpoint(trained)
    data = read_labelled([parquet], first.taxonomy.trained, first.grid).take(torch.arange(10))
    one, two = (infer(loaded.network, data, loaded.grid) for loaded in (first, second))
    np.testing.assert_array_equal(one.logits, two.logits)
    assert first.hash == second.hash
    assert first.metrics["data"]["sha256"]
    assert first.metrics["training"]["histories"]


def test_a_saved_checkpoint_is_the_same_checkpoint(trained: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(trained)
    assert save_checkpoint(loaded, tmp_path) == loaded.hash


def test_evaluate_prints_a_report_and_writes_a_card_with_pictures(trained: Path, parquet: Path, tmp_path: Path) -> None:
    said = evaluate_checkpoint(trained, [parquet], tmp_path / "card.md")
    assert "accuracy" in said
    assert "confusion" in said
    assert "Beware" not in said
    assert "macro-F1" in (tmp_path / "card.md").read_text()
    assert (tmp_path / "images" / "confusion_blind.png").read_bytes()[:4] == b"\x89PNG"
    assert "each object once: accuracy" in said
    assert "redshift known" in text_report(load_checkpoint(trained).metrics["out_of_fold"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_evaluate_does_not_fall_back_to_the_cpu_if_another_device_is_asked_for(
    trained: Path, parquet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--checkpoint", str(trained), "--data", str(parquet), "--device", "cuda"]) == 2
    assert "no CUDA device" in capsys.readouterr().err


def test_a_class_can_be_held_out_and_the_card_says_how_new_it_looked(
    trained: Path, parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen_classes, "EPOCHS", 1)
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    found = unseen_classes.held_out_novelty(data, ["AGN"], load_taxonomy().trained, TINY)
    assert found["AGN"]["spectra"] == 30
    assert 0 <= found["AGN"]["auroc"] <= 1
    write_figures({"AGN": {"spectra": 30, "auroc": 0.875}}, trained / HELD_OUT)
    evaluate_checkpoint(trained, [parquet], tmp_path / "card.md")
    assert "| AGN, held out of the training | 30 | 0.875 |" in (tmp_path / "card.md").read_text()


def test_a_class_is_held_out_of_the_shape_of_the_checkpoint(
    trained: Path, parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_checkpoint(trained)
    training = loaded.metrics["training"]
    fine = {**training, "settings": {**training["settings"], "preset": "fine"}}
    save_checkpoint(dataclasses.replace(loaded, metrics={**loaded.metrics, "training": fine}), tmp_path)
    shapes: list[str] = []

    def measure(_data: object, _classes: object, _names: object, settings: TrainConfig) -> dict[str, dict[str, float]]:
        shapes.append(settings.preset)
        return {"AGN": {"spectra": 30, "auroc": 0.9}}

    monkeypatch.setattr(hold_out, "held_out_novelty", measure)
    assert main(["hold-out", "--data", str(parquet), "--classes", "AGN", "--checkpoint", str(tmp_path)]) == 0
    assert shapes == ["fine"]
    assert read_figures(tmp_path / HELD_OUT)["AGN"]["auroc"] == 0.9


def test_objects_of_no_training_are_answered_by_all_networks(trained: Path, parquet: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    said = evaluate_checkpoint(trained, [parquet], card, unseen=True)
    assert "Beware" not in said
    assert "The whole ensemble answers" in card.read_text()
    assert said.split("\n\n")[0] != evaluate_checkpoint(trained, [parquet], None).split("\n\n")[0]


def test_other_files_than_those_of_the_training_are_pointed_out(trained: Path, parquet: Path, tmp_path: Path) -> None:
    rows = pq.read_table(parquet)
    pq.write_table(rows.slice(30), tmp_path / "other.parquet")
    assert "Beware" in evaluate_checkpoint(trained, [tmp_path / "other.parquet"], None)


def test_a_checkpoint_without_folds_is_measured_on_unseen_objects_only(
    trained: Path, parquet: Path, tmp_path: Path
) -> None:
    loaded = load_checkpoint(trained)
    metrics = {key: value for key, value in loaded.metrics.items() if key != "out_of_fold"}
    save_checkpoint(dataclasses.replace(loaded, metrics=metrics), tmp_path)
    with pytest.raises(CheckpointError, match="not trained in folds"):
        evaluate_checkpoint(tmp_path, [parquet], None)


def test_a_checkpoint_is_calibrated_again_on_the_files_of_its_training_alone(
    trained: Path, parquet: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    shutil.copytree(trained, folder)
    before = load_checkpoint(trained)
    scaled = dataclasses.replace(before.calibration, redshift_error_scale=9.0)
    save_checkpoint(dataclasses.replace(before, calibration=scaled), folder)
    assert main(["recalibrate", "--data", str(parquet), "--checkpoint", str(folder)]) == 0
    after = load_checkpoint(folder)
    assert after.calibration.redshift_error_scale == pytest.approx(before.calibration.redshift_error_scale)
    assert after.metrics["training"] == before.metrics["training"]
    pq.write_table(pq.read_table(parquet).slice(30), tmp_path / "other.parquet")
    assert main(["recalibrate", "--data", str(tmp_path / "other.parquet"), "--checkpoint", str(folder)]) == 2


def test_the_references_of_a_network_are_of_objects_that_it_was_trained_on_each_once(
    parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def number_of_object(_network: object, data: LabelledSpectra, _grid: object) -> torch.Tensor:
        numbers = [int(name.removeprefix("object-")) for name in data.object_ids]
        return torch.nn.functional.one_hot(torch.tensor(numbers), 40).float()

    monkeypatch.setattr(references, "embeddings", number_of_object)
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    network = Ensemble([SpectraNet(SpectraNetConfig.compact(15)) for _ in range(2)])
    found = references.make_references(network, data, GRID).embeddings
    for fold in range(2):
        objects = found[fold].argmax(1).tolist()
        assert len(set(objects)) == len(objects) > 10
        assert all(fold_of(f"object-{number}", 2) != fold for number in objects)


def test_a_checkpoint_from_before_there_were_references_predicts_as_it_did(trained: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(trained)
    modes = {mode: dataclasses.replace(loaded.calibration.of(mode), distance=(), unfamiliarity=()) for mode in MODES}
    before = dataclasses.replace(loaded, references=None, calibration=dataclasses.replace(loaded.calibration, **modes))
    save_checkpoint(before, tmp_path)
    assert not (tmp_path / "references.safetensors").exists()
    old, new = (
        Classifier.load(folder, "cpu").predict([(observe("SN Ia"), 0.03), (observe("SN II"), None)])
        for folder in (tmp_path, trained)
    )
    for one, other in zip(old, new, strict=True):
        assert isinstance(one, SpectrumPrediction)
        assert isinstance(other, SpectrumPrediction)
        assert dataclasses.replace(one, novelty=0.0) == dataclasses.replace(other, novelty=0.0)
        assert 0 <= one.novelty <= 1


def test_a_checkpoint_that_learned_from_vetted_spectra_is_not_calibrated_without_them(
    trained: Path, parquet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_checkpoint(trained)
    training = {**loaded.metrics["training"], "added": 3}
    save_checkpoint(dataclasses.replace(loaded, metrics={**loaded.metrics, "training": training}), tmp_path)
    assert main(["recalibrate", "--data", str(parquet), "--checkpoint", str(tmp_path)]) == 2
    assert "3 vetted spectra" in capsys.readouterr().err


def test_networks_trained_side_by_side_are_those_trained_one_by_one(parquet: Path, tmp_path: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    settings = dataclasses.replace(TINY, bfloat16=False)
    one, _ = fit_folds(data, settings, torch.device("cpu"), None, jobs=1)
    two, histories = fit_folds(data, settings, torch.device("cpu"), tmp_path, jobs=2)
    assert [len(history) for history in histories] == [1, 1]
    for alone, beside in zip(one, two, strict=True):
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(beside.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_a_training_from_before_there_were_teachers_goes_on(tmp_path: Path) -> None:
    now = dataclasses.asdict(TINY) | {"teachers": []}
    before = {name: value for name, value in now.items() if name not in ("teachers", "teacher_weight")}
    claim(tmp_path, before)
    claim(tmp_path, now)
    with pytest.raises(CheckpointError, match="bfloat16 was None and is False"):
        claim(tmp_path, now | {"bfloat16": False})


def test_a_network_learns_from_the_teacher_that_left_out_the_same_fold(
    trained: Path, parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[torch.Tensor] = []
    answer = Ensemble.forward
    monkeypatch.setattr(
        Ensemble,
        "forward",
        lambda self, x: (heard.append(next(self.parameters()).detach().clone()), answer(self, x))[1],
    )
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    teacher = load_checkpoint(trained)
    settings = dataclasses.replace(TINY, epoch_size=32)
    members, _ = fit_folds(data, settings, torch.device("cpu"), None, 1, [teacher])
    alone, _ = fit_folds(data, settings, torch.device("cpu"), None, 1)
    assert [
        torch.equal(seen, next(own.parameters())) for seen, own in zip(heard, teacher.network.members, strict=True)
    ] == [
        True,
        True,
    ]
    assert not torch.equal(members[0].state_dict()["embed.0.weight"], alone[0].state_dict()["embed.0.weight"])


def test_a_teacher_of_another_shape_is_refused(trained: Path, parquet: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    settings = dataclasses.replace(TINY, preset="fine")
    with pytest.raises(CheckpointError, match="another shape"):
        fit_folds(data, settings, torch.device("cpu"), None, 1, [load_checkpoint(trained)])


def test_a_training_with_other_settings_does_not_go_on_from_a_folder(parquet: Path, tmp_path: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    fit_folds(data, TINY, torch.device("cpu"), tmp_path, jobs=1)
    longer = dataclasses.replace(TINY, epochs=2)
    with pytest.raises(CheckpointError, match="epochs was 1 and is 2"):
        fit_folds(data, longer, torch.device("cpu"), tmp_path, jobs=1)


@pytest.mark.parametrize(
    "damage", ["weights.safetensors", "templates.safetensors", "references.safetensors", "checkpoint.json"]
)
def test_a_damaged_checkpoint_is_refused(trained: Path, tmp_path: Path, damage: str) -> None:
    for file in trained.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = (tmp_path / damage).read_bytes()
    (tmp_path / damage).write_bytes(content[:-100] + b"x" * 50)
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path)


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "nowhere")


def test_class_statistics_are_computed_where_there_are_enough_spectra(parquet: Path, tmp_path: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    held = compute_statistics(data, load_taxonomy().trained, tmp_path / "statistics.safetensors")
    assert ("SN Ia", 0) in held


def test_a_training_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    """The pool of a process that is killed trains on for nobody, unless its members look after their parent."""
    script = tmp_path / "train.py"
    script.write_text(
        "import os, time, multiprocessing\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from classifier.training.train import _start\n"
        "def work(_):\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(600)\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(1, context, _start, (1,)) as pool:\n"
        "        list(pool.map(work, range(1)))\n"
    )
    root = Path(__file__).parents[3]
    command, environment = [sys.executable, str(script)], {**os.environ, "PYTHONPATH": str(root)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()
