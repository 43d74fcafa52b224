from __future__ import annotations

import pytest
import torch

from classifier.losses import effective_number_weights, focal_loss
from classifier.network import SpectraNet, SpectraNetConfig, StageConfig


def test_the_papers_network_has_the_shapes_that_its_table_gives() -> None:
    network = SpectraNet(SpectraNetConfig.paper())
    shapes = [[tuple(branch.weight.shape) for branch in stage.branches] for stage in network.stages]
    assert shapes == [
        [(64, 1, 1, 3), (64, 1, 1, 61), (64, 1, 1, 1021)],
        [(128, 64, 1, 3), (128, 64, 1, 31), (128, 64, 1, 251)],
        [(256, 128, 1, 3), (256, 128, 1, 15), (256, 128, 1, 61)],
        [(512, 256, 1, 3), (512, 256, 1, 11), (512, 256, 1, 31)],
        [(1024, 512, 1, 3), (1024, 512, 1, 7), (1024, 512, 1, 13)],
    ]
    assert [stage.pool for stage in network.stages] == [4, 4, 4, 4, 1]
    assert network.embed[0].in_features == 3072
    assert sum(p.numel() for p in network.parameters()) == 25_197_642


def test_the_papers_network_takes_one_channel_of_4096_samples() -> None:
    x = torch.randn(2, 1, 4096)
    with torch.inference_mode():
        assert SpectraNet(SpectraNetConfig.paper()).eval()(x).shape == (2, 10)
        redshift = SpectraNet(SpectraNetConfig.paper(head="redshift")).eval()(x)
    assert redshift.shape == (2, 1)
    assert (redshift >= 0).all()


def test_a_configuration_survives_its_dictionary() -> None:
    config = SpectraNetConfig.compact(15)
    assert SpectraNetConfig(**config.to_dict()) == config


def test_the_shipped_shape_gives_classes_and_redshift_bins_that_reach_below_zero() -> None:
    config = SpectraNetConfig.compact(15)
    network = SpectraNet(config).eval()
    classes, redshift = network.split(network(torch.randn(3, 5, 1024)))
    assert (classes.shape, redshift.shape) == ((3, 15), (3, 300))
    assert config.redshift_first < 0


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        StageConfig((4,), 8, 8, 4)


def test_rare_classes_weigh_more() -> None:
    weights = effective_number_weights(torch.tensor([10.0, 1000.0, 0.0]), beta=0.9999)
    assert weights[0] > 50 * weights[1]
    assert weights[2] == 0


def test_the_focal_loss_is_cross_entropy_without_focus_and_forgets_the_easy_with_it() -> None:
    logits, labels = torch.randn(8, 5), torch.randint(5, (8,))
    plain = focal_loss(logits, labels, torch.ones(5), gamma=0.0, smoothing=0.0)
    torch.testing.assert_close(plain, torch.nn.functional.cross_entropy(logits, labels))
    easy = 10 * torch.nn.functional.one_hot(labels, 5).float()
    focused = focal_loss(easy, labels, torch.ones(5), gamma=2.0, smoothing=0.0)
    assert focused < 1e-4 * focal_loss(easy, labels, torch.ones(5), gamma=0.0, smoothing=0.0)


def test_rows_without_a_label_do_not_count() -> None:
    logits = torch.randn(4, 5, requires_grad=True)
    focal_loss(logits, torch.tensor([0, -1, 2, -1]), torch.ones(5), gamma=1.0, smoothing=0.1).backward()
    assert logits.grad is not None
    assert logits.grad[1].abs().sum() == 0
    assert logits.grad[0].abs().sum() > 0
