"""Shapes, losses and Fourier-space convolution of the network."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from classifier import network as network_module
from classifier.evaluation.bench import DirectSpectraNet
from classifier.network import SpectraNet, SpectraNetConfig, StageConfig
from classifier.training.losses import effective_number_weights, focal_loss


def test_the_network_of_the_paper_has_the_published_shapes() -> None:
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


def test_the_network_of_the_paper_takes_one_channel_of_4096_samples() -> None:
    x = torch.randn(2, 1, 4096)
    with torch.inference_mode():
        assert SpectraNet(SpectraNetConfig.paper()).eval()(x).shape == (2, 10)
        redshift = SpectraNet(SpectraNetConfig.paper(head="redshift")).eval()(x)
    assert redshift.shape == (2, 1)
    assert (redshift >= 0).all()


def test_a_configuration_is_restored_from_its_dictionary() -> None:
    config = SpectraNetConfig.compact(15)
    assert SpectraNetConfig(**config.to_dict()) == config


def test_the_shipped_network_gives_classes_and_redshift_bins_that_reach_below_zero() -> None:
    config = SpectraNetConfig.compact(15)
    network = SpectraNet(config).eval()
    classes, redshift = network.split(network(torch.randn(3, 5, 1024)))
    assert (classes.shape, redshift.shape) == ((3, 15), (3, 300))
    assert config.redshift_first < 0


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        StageConfig((4,), 8, 8, 4)


def test_rare_classes_weigh_more_in_the_loss() -> None:
    weights = effective_number_weights(torch.tensor([10.0, 1000.0, 0.0]), beta=0.9999)
    assert weights[0] > 50 * weights[1]
    assert weights[2] == 0


def test_focal_loss_is_cross_entropy_without_focus_and_lowers_easy_examples_with_it() -> None:
    logits, labels = torch.randn(8, 5), torch.randint(5, (8,))
    plain = focal_loss(logits, labels, torch.ones(5), gamma=0.0, smoothing=0.0)
    torch.testing.assert_close(plain, torch.nn.functional.cross_entropy(logits, labels))
    easy = 10 * torch.nn.functional.one_hot(labels, 5).float()
    focused = focal_loss(easy, labels, torch.ones(5), gamma=2.0, smoothing=0.0)
    assert focused < 1e-4 * focal_loss(easy, labels, torch.ones(5), gamma=0.0, smoothing=0.0)


def test_spectra_without_a_label_do_not_count_in_the_loss() -> None:
    logits = torch.randn(4, 5, requires_grad=True)
    focal_loss(logits, torch.tensor([0, -1, 2, -1]), torch.ones(5), gamma=1.0, smoothing=0.1).backward()
    assert logits.grad is not None
    assert logits.grad[1].abs().sum() == 0
    assert logits.grad[0].abs().sum() > 0


SMALL = SpectraNetConfig(256, 6, (StageConfig((3, 31), 4, 8, 4), StageConfig((15, 5), 8, None, 1)), 16, 0.5, 3)


def spectra_of(config: SpectraNetConfig, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, config.in_channels, config.samples)


@pytest.mark.parametrize(
    "config", [SpectraNetConfig.paper(), SpectraNetConfig.paper("redshift"), SpectraNetConfig.compact(5), SMALL]
)
def test_kernels_in_fourier_space_give_the_same_answer_as_direct_convolution(config: SpectraNetConfig) -> None:
    torch.manual_seed(0)
    network = SpectraNet(config).eval()
    x = spectra_of(config)
    direct = network(x).detach()
    assert all(stage._kernel_spectra is None for stage in network.stages)
    with torch.no_grad():
        torch.testing.assert_close(network(x), direct, atol=1e-4, rtol=1e-4)
        assert network.stages[0]._kernel_spectra is not None
        torch.testing.assert_close(DirectSpectraNet(network)(x), direct, atol=1e-4, rtol=1e-4)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), direct, atol=1e-4, rtol=1e-4)


def test_the_transforms_are_computed_once_and_not_saved_with_the_state() -> None:
    network = SpectraNet(SMALL).eval()
    names = list(network.state_dict())
    with torch.inference_mode():
        network(spectra_of(SMALL))
        first = network.stages[0]._kernel_spectra
        network(spectra_of(SMALL, batch=1))
    assert network.stages[0]._kernel_spectra is first
    assert list(network.state_dict()) == names


def load_other(network: SpectraNet) -> None:
    network.load_state_dict(SpectraNet(SMALL).state_dict())


def assign_other(network: SpectraNet) -> None:
    network.load_state_dict(SpectraNet(SMALL).state_dict(), assign=True)


def scale_in_place(network: SpectraNet) -> None:
    with torch.no_grad():
        network.stages[0].branches[1].weight.mul_(3.0)


def replace_data(network: SpectraNet) -> None:
    weight = network.stages[0].branches[1].weight
    weight.data = 3.0 * weight.data


def train_a_step(network: SpectraNet) -> None:
    network.train()
    network(spectra_of(SMALL)).square().sum().backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    network.eval()


def round_to_half(network: SpectraNet) -> None:
    network.half().float()


@pytest.mark.parametrize(
    "change", [load_other, assign_other, scale_in_place, replace_data, train_a_step, round_to_half]
)
def test_changed_weights_change_the_answer(change: Callable[[SpectraNet], None]) -> None:
    network = SpectraNet(SMALL).eval()
    x = spectra_of(SMALL)
    with torch.no_grad():
        before = network(x)
    change(network)
    with torch.no_grad():
        after = network(x)
        torch.testing.assert_close(after, DirectSpectraNet(network)(x), atol=1e-5, rtol=1e-5)
    assert not torch.equal(after, before)


def test_inputs_of_another_length_get_their_own_transforms() -> None:
    network = SpectraNet(SMALL).eval()
    with torch.no_grad():
        network(spectra_of(SMALL))
        x = torch.randn(2, SMALL.in_channels, 512)
        torch.testing.assert_close(network(x), DirectSpectraNet(network)(x), atol=1e-5, rtol=1e-5)


def test_a_copy_of_a_network_answers_with_its_own_weights() -> None:
    network = SpectraNet(SMALL).eval()
    x = spectra_of(SMALL)
    with torch.inference_mode():
        network(x)
    other = copy.deepcopy(network)
    scale_in_place(other)
    with torch.no_grad():
        torch.testing.assert_close(other(x), DirectSpectraNet(other)(x), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(network(x), DirectSpectraNet(network)(x), atol=1e-5, rtol=1e-5)


def test_gradients_training_and_empty_batches_use_direct_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("Fourier space was used")

    monkeypatch.setattr(network_module, "convolve", refuse)
    network = SpectraNet(SMALL)
    x = spectra_of(SMALL).requires_grad_()
    network.eval()(x).sum().backward()
    assert x.grad is not None
    with torch.no_grad():
        network.train()(x)
        assert network.eval()(x[:0]).shape == (0, 3)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            network(x)
    with torch.inference_mode():
        assert SpectraNet(SMALL).eval()(x).shape == (3, 3)
