"""Flattened spectra agree with the network's own preprocessing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from classifier.flattening import TAPER, flatten
from classifier.preprocess import continuum_divided, shift_and_average
from classifier.resampling import PreprocessConfig, resample
from tests.factories import observe

GRID = PreprocessConfig()


def by_torch(flux: torch.Tensor, covered: torch.Tensor, log1pz: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return flattened flux and weight, each (batch, samples), computed with the network's functions in PyTorch.

    flux, covered: (batch, samples) on the observed grid. log1pz: ln(1 + z) of each spectrum.
    """
    values, mask = shift_and_average(flux, covered.float(), log1pz, GRID)
    kernel = torch.tensor([[[0.25, 0.5, 0.25]]])

    def averaged(rows: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv1d(rows.unsqueeze(1), kernel, padding=1).squeeze(1)

    smoothed = continuum_divided(values, mask, GRID)
    for _ in range(3):
        smoothed = averaged(smoothed * mask) / averaged(mask).clamp_min(1e-3) * mask
    taper = torch.nn.functional.avg_pool1d(mask.unsqueeze(1), TAPER + 1, 1, TAPER // 2).squeeze(1)
    return smoothed, mask * taper


@pytest.mark.parametrize("redshift", [0.0, 0.05, 0.4])
def test_flattening_agrees_with_the_preprocessing_of_the_network(redshift: float) -> None:
    spectra = [resample(observe(name, seed=seed), GRID) for name in ("SN Ia", "SN II", "AGN") for seed in (1, 2)]
    flux, covered = (np.stack([getattr(spectrum, name) for spectrum in spectra]) for name in ("flux", "covered"))
    log1pz = np.full(len(spectra), np.log1p(redshift))
    expected, weight = by_torch(torch.from_numpy(flux), torch.from_numpy(covered), torch.from_numpy(log1pz))
    found = flatten(flux, covered, log1pz, GRID)
    assert found.flux.dtype == np.float32
    np.testing.assert_allclose(found.flux, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(found.weight, weight.numpy(), atol=1e-6)


def test_a_gap_stays_empty() -> None:
    resampled = resample(observe("SN Ia", seed=1), GRID)
    covered = resampled.covered.copy()
    covered[1500:1700] = False
    found = flatten(resampled.flux[None], covered[None], np.zeros(1), GRID)
    assert (found.flux[found.covered == 0] == 0).all()
    assert (found.weight[found.covered == 0] == 0).all()


def test_flattening_needs_no_pytorch() -> None:
    code = "import classifier.flattening, classifier.templates, sys; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
