"""One training: where it goes on after a stop, what it trains on, and that it needs no particular device."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from classifier.network import SpectraNet, SpectraNetConfig
from classifier.preprocess import PreprocessConfig, network_input
from classifier.taxonomy import load_taxonomy
from classifier.training.batches import Batches
from classifier.training.blend import Partners
from classifier.training.config import TrainConfig
from classifier.training.dataset import LabelledSpectra, own_redshift, read_labelled
from classifier.training.losses import focal_loss, redshift_loss
from classifier.training.presets import PRESETS
from classifier.training.train import fit
from tests.labelled_archive import write_archive

CPU = torch.device("cpu")
TINY = TrainConfig(epochs=2, epoch_size=32, batch_size=16, bfloat16=False)
NAMES = load_taxonomy().trained


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "tiny.parquet"
    write_archive(path)
    return path


@pytest.fixture(scope="module")
def data(parquet: Path) -> LabelledSpectra:
    return read_labelled([parquet], NAMES, PreprocessConfig())


def weights_of(network: SpectraNet) -> torch.Tensor:
    return torch.cat([value.flatten() for value in network.state_dict().values()])


def test_a_killed_training_goes_on_as_if_it_had_never_stopped(data: LabelledSpectra, tmp_path: Path) -> None:
    unbroken, _ = fit(data, TINY, CPU)

    class KilledError(Exception):
        pass

    state = tmp_path / "member-1.safetensors"
    calls = []

    def kill_in_the_second_epoch(self: Batches, *args: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) > TINY.steps:
            raise KilledError
        return loss(self, *args)  # type: ignore[arg-type]

    loss = Batches.loss
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batches, "loss", kill_in_the_second_epoch)
        with pytest.raises(KilledError):
            fit(data, TINY, CPU, state)
    resumed, history = fit(data, TINY, CPU, state)
    assert torch.equal(weights_of(unbroken), weights_of(resumed))
    assert [figures["epoch"] for figures in history] == [1, 2]
    finished, _ = fit(data, TINY, CPU, state)
    assert torch.equal(weights_of(finished), weights_of(resumed))


def test_spectra_in_the_rest_frame_are_trained_at_a_redshift_of_their_own(parquet: Path, tmp_path: Path) -> None:
    rows = pq.read_table(parquet).to_pylist()
    moved = [row | {"frame": "rest", "redshift": 0.0} for row in rows[:4]]
    star = next(row for row in rows if row["label"] == "Star")
    path = tmp_path / "rest.parquet"
    pq.write_table(pa.Table.from_pylist([*moved, star | {"frame": "rest"}], pq.read_schema(parquet)), path)
    grid = PreprocessConfig()
    both = read_labelled([parquet, path], NAMES, grid)
    rest = both.take(torch.arange(len(rows), len(both)))
    expected = own_redshift("object-0")
    assert 0.003 <= expected <= 0.123
    assert rest.redshift[0] == expected == own_redshift("object-0")
    assert rest.redshift[4] == 0.0
    # The blue end is further to the red by 1 + z, in fine samples.
    first = [int(both.covered[row].int().argmax()) for row in (0, len(rows))]
    assert first[1] - first[0] == pytest.approx(np.log1p(expected) / grid.log_step, abs=1.5)


def test_the_spectra_that_are_left_out_are_counted_with_their_reasons(
    parquet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third, *others = pq.read_table(parquet).to_pylist()
    first["flux"] = [math.nan, *first["flux"][1:]]
    for row in (second, third):
        kept = [at < 4500 for at in row["wavelength"]]
        row |= {key: list(itertools.compress(row[key], kept)) for key in ("wavelength", "flux")}
    path = tmp_path / "some.parquet"
    pq.write_table(pa.Table.from_pylist([first, second, third, *others], pq.read_schema(parquet)), path)
    capsys.readouterr()
    assert len(read_labelled([path], NAMES, PreprocessConfig())) == len(others)
    said = f"3 of {len(others) + 3} spectra were left out: 2 insufficient_coverage, 1 unusable_samples"
    assert said in capsys.readouterr().err
    read_labelled([parquet], NAMES, PreprocessConfig())
    assert "left out" not in capsys.readouterr().err


def test_partners_are_drawn_by_weight_from_the_same_class() -> None:
    labels = torch.tensor([2, 0, 0, -1, 2, 2])
    weights = torch.tensor([1.0, 1.0, 3.0, 1.0, 2.0, 1.0], dtype=torch.float64)
    wanted = torch.tensor([0, 2, -1]).repeat_interleave(4000)
    drawn = Partners.of(labels, weights).draw(wanted, torch.Generator().manual_seed(1))
    assert torch.equal(labels[drawn], wanted)
    share = (drawn[:4000] == 2).double().mean()
    assert float(share) == pytest.approx(0.75, abs=0.03)
    assert float((drawn[4000:8000] == 4).double().mean()) == pytest.approx(0.5, abs=0.03)


def test_a_batch_without_labels_or_redshifts_has_no_loss() -> None:
    config = SpectraNetConfig.compact(3)
    logits = torch.randn(4, 3)
    unlabelled = torch.full((4,), -1)
    assert focal_loss(logits, unlabelled, torch.ones(3), 1.0, 0.03) == 0
    bins = torch.randn(4, config.redshift_bins)
    unusable = torch.zeros(4, dtype=torch.bool)
    assert redshift_loss(bins, torch.full((4,), -9.0), unusable, config) == 0


def test_the_papers_redshift_head_learns_by_the_squared_error_of_the_rows_that_can_be_used() -> None:
    config = SpectraNetConfig.paper("redshift")
    values, log1pz = torch.tensor([[0.1], [0.5], [9.0]]), torch.log1p(torch.tensor([0.2, 0.3, 0.0]))
    usable = torch.tensor([True, True, False])
    assert float(redshift_loss(values, log1pz, usable, config)) == pytest.approx((0.1**2 + 0.2**2) / 2, rel=1e-4)


def test_rows_without_a_label_do_not_change_the_loss_of_the_others() -> None:
    logits, labels, weights = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, -1, -1]), torch.tensor([1.0, 2.0, 0.5])
    alone = focal_loss(logits[:4], labels[:4], weights, 1.0, 0.03)
    torch.testing.assert_close(focal_loss(logits, labels, weights, 1.0, 0.03), alone)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_takes_the_input_that_its_grid_gives(preset: str, data: LabelledSpectra) -> None:
    chosen = PRESETS[preset]
    grid = chosen.grid
    network = SpectraNet(chosen.network(len(chosen.taxonomy.trained))).eval()
    flux, covered = torch.ones(2, grid.fine_samples), torch.ones(2, grid.fine_samples, dtype=torch.bool)
    x = network_input(flux, covered, torch.zeros(2), torch.zeros(2), grid)
    assert network(x).shape == (2, network.config.outputs)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_cross_check_counts_in_the_same_samples_whatever_the_networks_grid(preset: str) -> None:
    grid = PRESETS[preset].grid
    assert grid.for_templates.step == pytest.approx(PreprocessConfig().step)
    assert grid.for_templates.fine_samples == grid.fine_samples


def test_no_tensor_of_a_training_step_is_made_without_a_device(data: LabelledSpectra) -> None:
    """A tensor that is made without a device lands on the default one, and fails beside those on the real one."""
    batches = Batches(data, TINY)
    network = SpectraNet(PRESETS[TINY.preset].network(len(NAMES)))
    random = torch.Generator().manual_seed(1)
    with torch.device("meta"):
        loss = batches.loss(network, batches.draw(1, random)[0], random)
        loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) > 0
