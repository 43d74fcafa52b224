"""The Fourier forward pass gives what the network gives."""

from __future__ import annotations

import pytest
import torch

from classifier.bench import DirectSpectraNet
from classifier.fast import FastSpectraNet
from classifier.network import SpectraNet, SpectraNetConfig


@pytest.mark.parametrize(
    "config", [SpectraNetConfig.paper(), SpectraNetConfig.paper("redshift"), SpectraNetConfig.compact(5)]
)
def test_all_forms_of_the_forward_pass_agree(config: SpectraNetConfig) -> None:
    torch.manual_seed(0)
    network = SpectraNet(config).eval()
    x = torch.randn(3, config.in_channels, config.samples)
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(FastSpectraNet(network)(x), expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(DirectSpectraNet(network)(x), expected, atol=1e-4, rtol=1e-4)
