from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from classifier.checkpoint import load_checkpoint, save_checkpoint
from classifier.errors import CheckpointError
from classifier.evaluation import unseen_classes
from classifier.evaluation.model_card import evaluate_checkpoint
from classifier.preprocess import PreprocessConfig
from classifier.simulation.class_statistics import compute_statistics
from classifier.taxonomy import load_taxonomy
from classifier.training.augment import AugmentConfig, augment
from classifier.training.config import TrainConfig
from classifier.training.dataset import read_labelled, sampling_weights, split_by_object
from classifier.training.scoring import infer, text_report
from classifier.training.train import train
from tests.labelled_archive import write_archive

GRID = PreprocessConfig()


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "tiny.parquet"
    write_archive(path)
    return path


def test_no_object_is_on_two_sides_of_the_split(parquet: Path) -> None:
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    objects = {part: {data.object_ids[i] for i in rows.tolist()} for part, rows in split_by_object(data).items()}
    assert sum(len(ids) for ids in objects.values()) == len(set.union(*objects.values())) == 40
    assert all(objects.values())


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


@pytest.fixture(scope="module")
def trained(parquet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("checkpoint")
    train([parquet], out, TrainConfig(members=2, epochs=1, epoch_size=64, batch_size=32))
    return out


def test_training_writes_a_checkpoint_that_rebuilds_itself_bit_for_bit(trained: Path, parquet: Path) -> None:
    first, second = load_checkpoint(trained), load_checkpoint(trained)
    data = read_labelled([parquet], first.taxonomy.trained, first.grid).take(torch.arange(10))
    one, two = (infer(loaded.network, data, loaded.grid, "blind") for loaded in (first, second))
    np.testing.assert_array_equal(one.logits, two.logits)
    assert first.hash == second.hash
    assert first.metrics["data"]["sha256"]
    assert first.metrics["training"]["histories"]


def test_a_saved_checkpoint_is_the_same_checkpoint(trained: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(trained)
    assert save_checkpoint(loaded, tmp_path) == loaded.hash


def test_evaluate_prints_a_report_and_writes_a_card_with_pictures(trained: Path, parquet: Path, tmp_path: Path) -> None:
    said = evaluate_checkpoint(trained, [parquet], "test", tmp_path / "card.md")
    assert "accuracy" in said
    assert "confusion" in said
    assert "Beware" not in said
    assert "macro-F1" in (tmp_path / "card.md").read_text()
    assert (tmp_path / "images" / "confusion_blind.png").read_bytes()[:4] == b"\x89PNG"
    assert "redshift known" in text_report(load_checkpoint(trained).metrics["test"])


def test_a_class_can_be_held_out_and_the_card_says_how_new_it_looked(
    trained: Path, parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen_classes, "EPOCHS", 1)
    data = read_labelled([parquet], load_taxonomy().trained, GRID)
    settings = TrainConfig(epoch_size=64, batch_size=32)
    found = unseen_classes.held_out_novelty(data, ["AGN"], load_taxonomy().trained, settings)
    assert found["AGN"]["spectra"] == 30
    assert 0 <= found["AGN"]["auroc"] <= 1
    unseen_classes.write_held_out({"AGN": {"spectra": 30, "auroc": 0.875}}, trained)
    evaluate_checkpoint(trained, [parquet], "test", tmp_path / "card.md")
    assert "| AGN, held out of the training | 30 | 0.875 |" in (tmp_path / "card.md").read_text()


@pytest.mark.parametrize("damage", ["weights.safetensors", "templates.safetensors", "checkpoint.json"])
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
