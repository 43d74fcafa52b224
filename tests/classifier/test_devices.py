"""The classifier on a GPU: the same answers, and no tensor that is made in the wrong place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from classifier.flattening import flatten
from classifier.library.library import GRID, Library, LibraryObject
from classifier.library.matching import Matcher
from classifier.network import SpectraNet
from classifier.predict import Classifier, SpectrumPrediction
from classifier.resampling import resample
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


def small_library() -> Library:
    """Return the spectra of ITEMS as objects of a library."""
    resampled = [resample(spectrum, GRID) for spectrum, _ in ITEMS]
    flux, covered = (np.stack([getattr(one, name) for one in resampled]) for name in ("flux", "covered"))
    flattened = flatten(flux, covered, np.zeros(len(ITEMS)), GRID)
    objects = tuple(LibraryObject(f"SN {number}", "Ia", "SN Ia", "a test") for number in range(len(ITEMS)))
    phase = np.zeros(len(ITEMS), dtype=np.float32)
    owner = np.arange(len(ITEMS))
    return Library(flattened.flux, flattened.weight, flattened.contrast, owner, phase, objects)


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


def test_named_matches_make_no_tensor_without_a_device(nowhere: None) -> None:
    with torch.device("cpu"):
        matcher = Matcher(small_library(), torch.device("cpu"))
    found = matcher.match_spectra([item[0] for item in ITEMS], [[0.0], [0.03, 0.1], [0.05]])
    assert all(isinstance(named, list) and named for named in found)


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
def test_a_gpu_names_the_same_matches() -> None:
    spectra, redshifts = [item[0] for item in ITEMS], [[0.0], [0.03, 0.1], [0.05]]
    cpu, gpu = (
        Matcher(small_library(), torch.device(name)).match_spectra(spectra, redshifts) for name in ("cpu", "cuda")
    )
    for one, other in zip(cpu, gpu, strict=True):
        assert isinstance(one, list)
        assert isinstance(other, list)
        assert [match.spectrum for match in other] == [match.spectrum for match in one]
        assert [match.score for match in other] == pytest.approx([match.score for match in one], rel=1e-3)


@pytest.mark.gpu
def test_a_gpu_explains() -> None:
    found = Classifier.load(device="cuda").explain(*ITEMS[0], "SN II")
    assert abs(found.contribution).max() == pytest.approx(1)


@pytest.mark.gpu
def test_a_gpu_trains(tmp_path: Path) -> None:
    write_archive(tmp_path / "tiny.parquet")
    checkpoint = train([tmp_path / "tiny.parquet"], tmp_path / "out", TINY, device=torch.device("cuda"))
    assert len(checkpoint.network.members) == 2
