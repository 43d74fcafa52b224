"""How well a spectrum was measured."""

from __future__ import annotations

import numpy as np
import pytest

from triage.signal import BIN, MOSTLY_NOISE, signal_to_noise

RANDOM = np.random.default_rng(8)


def broad_lines(wavelength: np.ndarray) -> np.ndarray:
    """What a supernova looks like: features 100 Å and more wide."""
    return 1 + 0.3 * np.sin(wavelength / 60) + 0.2 * np.sin(wavelength / 210)


@pytest.mark.parametrize("step", [1.0, 2.5, 5.0, 10.0])
@pytest.mark.parametrize("wanted", [3.0, 12.0, 30.0])
def test_it_is_the_same_however_finely_the_spectrum_is_sampled(step: float, wanted: float) -> None:
    wavelength = np.arange(3500.0, 9500.0, step)
    error = np.full(wavelength.size, np.sqrt(BIN / step) / wanted)
    flux = broad_lines(wavelength) + error * RANDOM.normal(size=wavelength.size)
    assert signal_to_noise(wavelength, flux) == pytest.approx(wanted, rel=0.25)
    assert signal_to_noise(wavelength, flux, error) == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize("scale", [1.0, 3e-17])
def test_noise_has_none(scale: float) -> None:
    wavelength = np.arange(3800.0, 9000.0, 8.0)
    found = signal_to_noise(wavelength, scale * RANDOM.normal(size=wavelength.size))
    assert found is not None
    assert 0 <= found < MOSTLY_NOISE / 4


def test_errors_that_are_mostly_missing_are_not_believed() -> None:
    wavelength = np.arange(3500.0, 9500.0, 10.0)
    flux = broad_lines(wavelength) + 0.1 * RANDOM.normal(size=wavelength.size)
    error = np.where(np.arange(wavelength.size) % 4 == 0, 1e-9, np.nan)
    assert signal_to_noise(wavelength, flux, error) == signal_to_noise(wavelength, flux)


def test_what_cannot_be_told_is_unknown() -> None:
    wavelength = np.arange(5000.0, 5060.0, 1.0)
    assert signal_to_noise(wavelength, np.ones(wavelength.size)) is None
    wide = np.arange(3500.0, 9500.0, 10.0)
    assert signal_to_noise(wide, np.ones(wide.size)) is None
