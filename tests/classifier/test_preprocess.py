"""Preprocessing: from a spectrum to the input of the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.errors import SpectrumError
from classifier.preprocess import PreprocessConfig, Resampled, network_input, resample_arrays
from tests.factories import observe

GRID = PreprocessConfig()


def as_input(resampled: Resampled, redshift: float = 0.0, rest: bool = False) -> torch.Tensor:
    return network_input(
        torch.from_numpy(resampled.flux)[None],
        torch.from_numpy(resampled.covered)[None],
        torch.log1p(torch.tensor([redshift], dtype=torch.float64)),
        torch.tensor([float(rest)]),
        GRID,
    )[0]


def test_rebinning_conserves_the_flux() -> None:
    wavelength = np.linspace(4000, 9000, 20_000)
    flux = 2 + np.sin(wavelength / 15) + np.random.default_rng(0).normal(0, 0.5, wavelength.size)
    out = resample_arrays(wavelength, flux, GRID)
    widths = np.diff(GRID.fine_edges())
    total = (out.flux * widths)[out.covered].sum() * np.median(np.abs(flux))
    assert total == pytest.approx(np.trapezoid(flux, wavelength), rel=2e-3)


def test_a_coarse_spectrum_is_interpolated_without_steps() -> None:
    wavelength = np.arange(3780, 9220, 25.6)
    out = resample_arrays(wavelength, 1 + np.sin(wavelength / 150), GRID)
    steps = np.abs(np.diff(out.flux[out.covered]))
    assert (steps[1:-1] == 0).mean() < 0.01
    assert steps.max() < 0.05


def test_a_gap_in_wavelength_is_not_covered() -> None:
    wavelength = np.concatenate([np.linspace(4000, 5500, 800), np.linspace(6000, 9000, 1500)])
    out = resample_arrays(wavelength, np.sin(wavelength), GRID)
    centre = 0.5 * (GRID.fine_edges()[1:] + GRID.fine_edges()[:-1])
    assert not out.covered[(centre > 5510) & (centre < 5990)].any()
    assert out.covered[(centre > 6010) & (centre < 8990)].all()


def test_a_spectrum_with_too_little_optical_coverage_is_refused_with_a_code() -> None:
    wavelength = np.linspace(10_500, 24_000, 2000)
    with pytest.raises(SpectrumError) as caught:
        resample_arrays(wavelength, np.sin(wavelength), GRID)
    assert caught.value.code == "insufficient_coverage"


@given(st.floats(0.0, 0.6))
@settings(max_examples=30, deadline=None)
def test_the_rest_frame_input_does_not_depend_on_the_redshift(redshift: float) -> None:
    wavelength = np.linspace(3000, 9000, 6000)
    flux = 2 + np.sin(wavelength / 80)
    here = as_input(resample_arrays(wavelength, flux, GRID), rest=True)
    far = as_input(resample_arrays(wavelength * (1 + redshift), flux, GRID), redshift, rest=True)
    shared = (here[2] > 0) & (far[2] > 0)
    assert shared.float().mean() > 0.4
    # Samples that leave the optical range change the mean a little, but not the shape.
    correlation = np.corrcoef(here[0][shared], far[0][shared])[0, 1]
    assert correlation > 0.999


def test_the_scale_of_the_flux_makes_no_difference() -> None:
    spectrum = observe()
    one = as_input(resample_arrays(spectrum.wavelength, spectrum.flux, GRID))
    other = as_input(resample_arrays(spectrum.wavelength, spectrum.flux * 1e17, GRID))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_network_input_is_finite_for_any_flux(seed: int) -> None:
    random = np.random.default_rng(seed)
    wavelength = np.sort(random.uniform(3000, 10_000, 500))
    flux = random.normal(0, 1, 500) * 10.0 ** random.uniform(-30, 30)
    flux[random.integers(500)] *= 1e6
    assert as_input(resample_arrays(wavelength, flux, GRID)).isfinite().all()


def test_the_network_input_states_its_frame() -> None:
    spectrum = observe()
    resampled = resample_arrays(spectrum.wavelength, spectrum.flux, GRID)
    assert as_input(resampled)[4].unique().tolist() == [0.0]
    assert as_input(resampled, 0.03, rest=True)[4].unique().tolist() == [1.0]
