"""The classifier on a GPU: the same answers, and no tensor that is made in the wrong place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from classifier.network import SpectraNet
from classifier.predict import Classifier, SpectrumPrediction
from classifier.taxonomy import load_taxonomy
from classifier.training.batches import Batches
from classifier.training.config import TrainConfig
from classifier.training.dataset import read_labelled
from classifier.training.presets import PRESETS
from classifier.training.train import train
from tests.factories import observe
from tests.labelled_archive import write_archive

TINY = TrainConfig(folds=2, epochs=1, epoch_size=64, batch_size=32)
ITEMS = [(observe("SN II"), None), (observe("SN Ia"), 0.03), (observe("SLSN-I"), None)]


@pytest.fixture
def nowhere() -> Iterator[None]:
    """Make each tensor that is made without a device useless, as it would be on a GPU."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def test_a_prediction_makes_no_tensor_without_a_device(nowhere: None) -> None:
    with torch.device("cpu"):
        classifier = Classifier.load(device="cpu")
    assert all(isinstance(found, SpectrumPrediction) for found in classifier.predict(ITEMS))


def test_an_explanation_makes_no_tensor_without_a_device(nowhere: None) -> None:
    with torch.device("cpu"):
        classifier = Classifier.load(device="cpu")
    assert abs(classifier.explain(*ITEMS[0], "SN II").contribution).max() == pytest.approx(1)


def test_a_training_step_makes_no_tensor_without_a_device(nowhere: None, tmp_path: Path) -> None:
    write_archive(tmp_path / "tiny.parquet")
    trained = load_taxonomy().trained
    with torch.device("cpu"):
        data = read_labelled([tmp_path / "tiny.parquet"], trained, TINY.grid)
        network = SpectraNet(PRESETS["compact"].network(len(trained)))
        random = torch.Generator("cpu").manual_seed(0)
        batches = Batches(data, TINY)
    loss = batches.loss(network, batches.draw(1, random)[0], random)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)


@pytest.mark.gpu
def test_a_gpu_gives_the_classes_and_matches_of_the_cpu() -> None:
    cpu, gpu = (Classifier.load(device=device).predict(ITEMS) for device in ("cpu", "cuda"))
    for one, other in zip(cpu, gpu, strict=True):
        assert isinstance(one, SpectrumPrediction)
        assert isinstance(other, SpectrumPrediction)
        assert other.class_name == one.class_name
        assert other.probabilities == pytest.approx(one.probabilities, abs=0.05)
        assert one.crosscheck is not None
        assert other.crosscheck is not None
        assert other.crosscheck["template"] == one.crosscheck["template"]


@pytest.mark.gpu
def test_a_gpu_explains() -> None:
    found = Classifier.load(device="cuda").explain(*ITEMS[0], "SN II")
    assert abs(found.contribution).max() == pytest.approx(1)


@pytest.mark.gpu
def test_a_gpu_trains(tmp_path: Path) -> None:
    write_archive(tmp_path / "tiny.parquet")
    checkpoint = train([tmp_path / "tiny.parquet"], tmp_path / "out", TINY, device=torch.device("cuda"))
    assert len(checkpoint.network.members) == 2
