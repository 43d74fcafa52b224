"""How well a spectrum was measured."""

from __future__ import annotations

import numpy as np
import pytest

from triage.signal import BIN, MOSTLY_NOISE, STANDS_OUT, Signal, signal_to_noise

RANDOM = np.random.default_rng(8)


def broad_lines(wavelength: np.ndarray) -> np.ndarray:
    """What a supernova looks like: features 100 Å and more wide."""
    return 1 + 0.3 * np.sin(wavelength / 60) + 0.2 * np.sin(wavelength / 210)


def told(*spectrum: np.ndarray) -> Signal:
    found = signal_to_noise(*spectrum)
    assert found is not None
    return found


@pytest.mark.parametrize("step", [1.0, 2.5, 5.0, 10.0])
@pytest.mark.parametrize("wanted", [3.0, 12.0, 30.0])
def test_it_is_the_same_however_finely_the_spectrum_is_sampled(step: float, wanted: float) -> None:
    wavelength = np.arange(3500.0, 9500.0, step)
    error = np.full(wavelength.size, np.sqrt(BIN / step) / wanted)
    flux = broad_lines(wavelength) + error * RANDOM.normal(size=wavelength.size)
    assert told(wavelength, flux).median == pytest.approx(wanted, rel=0.25)
    assert told(wavelength, flux, error).median == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize("scale", [1.0, 3e-17])
def test_noise_has_none(scale: float) -> None:
    wavelength = np.arange(3800.0, 9000.0, 8.0)
    flux = scale * RANDOM.normal(size=wavelength.size)
    for found in (told(wavelength, flux), told(wavelength, flux, np.full(wavelength.size, scale))):
        assert 0 <= found.median < MOSTLY_NOISE / 4
        assert found.peak < STANDS_OUT
        assert found.mostly_noise


def test_a_cosmic_ray_or_two_do_not_make_a_signal() -> None:
    wavelength = np.arange(3800.0, 9000.0, 8.0)
    flux = RANDOM.normal(size=wavelength.size)
    flux[[90, 400]] += 200
    assert told(wavelength, flux).mostly_noise


@pytest.mark.parametrize("with_errors", [True, False])
def test_strong_lines_on_no_continuum_are_no_noise(with_errors: bool) -> None:
    wavelength = np.arange(3800.0, 9000.0, 2.0)
    lines = {6563: 500, 7300: 200, 6300: 100}
    flux = sum(peak * np.exp(-0.5 * ((wavelength - at) / 20) ** 2) for at, peak in lines.items())
    flux = flux + RANDOM.normal(size=wavelength.size)
    found = told(wavelength, flux, *([np.ones(wavelength.size)] if with_errors else []))
    assert found.median < MOSTLY_NOISE
    assert found.peak > 10 * STANDS_OUT
    assert not found.mostly_noise


def test_what_was_flattened_is_no_noise() -> None:
    wavelength = np.geomspace(3500.0, 9500.0, 1024)
    flux = 0.3 * np.sin(wavelength / 60) + 0.01 * RANDOM.normal(size=wavelength.size)
    assert not told(wavelength, flux).mostly_noise


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
