"""Degraded spectra are what they are called."""

from __future__ import annotations

import numpy as np
import torch

from classifier.evaluation.degraded_spectra import add_host, add_noise, cut, log_wavelength, signal_to_noise, smooth
from classifier.preprocess import PreprocessConfig
from classifier.training.dataset import LabelledSpectra
from tests.factories import labelled

GRID = PreprocessConfig()


def test_a_cut_leaves_only_its_range() -> None:
    data = cut(labelled("SN Ia", 0.03), GRID, 5500, 8000)
    seen = log_wavelength(GRID).exp()[data.covered.any(0)]
    assert 5490 < float(seen.min()) < float(seen.max()) < 8010
    assert (data.flux[~data.covered] == 0).all()


def test_smoothing_keeps_a_line_s_flux_and_widens_it() -> None:
    data = labelled("SN Ia", 0.03, 1)
    flux = data.covered.float()
    flux[0, 1500] += 50
    wide = smooth(LabelledSpectra(flux, *(getattr(data, f) for f in list(data.__dataclass_fields__)[1:])), GRID, 100)
    line = wide.flux[0] - data.covered[0].float()
    assert float(line.sum()) == np.float32(50).item() or abs(float(line.sum()) - 50) < 0.5
    above = (line > line.max() / 2).sum() * GRID.log_step
    assert abs(float(above) - 0.01) < 0.001  # full width at half maximum of R = 100


def test_noise_lowers_the_measured_ratio() -> None:
    data = labelled("SN Ia", 0.03)
    assert (signal_to_noise(add_noise(data, GRID, 3, 1)) < signal_to_noise(data)).all()


def test_host_light_is_added_at_the_transient_s_redshift() -> None:
    data, galaxies = labelled("SN Ia", 0.08), labelled("Galaxy", 0.02)
    mixed = add_host(data, galaxies, GRID, 1.0, seed=1)
    shift = round(float(np.log(1.08 / 1.02)) / GRID.log_step)
    for row in range(len(data)):
        correlations = [
            np.corrcoef(mixed.flux[row, 1200:1800], galaxies.flux[host, 1200 - shift : 1800 - shift])[0, 1]
            for host in range(len(galaxies))
        ]
        assert max(correlations) > 0.99


def test_stars_get_no_host() -> None:
    data = labelled("Star", 0.0)
    assert torch.equal(add_host(data, labelled("Galaxy", 0.02), GRID, 0.5, seed=1).flux, data.flux)
