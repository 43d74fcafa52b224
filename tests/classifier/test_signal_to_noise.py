"""Estimate of a spectrum's signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.signal_to_noise import BIN, MOSTLY_NOISE, STANDS_OUT, Signal, signal_to_noise

RANDOM = np.random.default_rng(8)


def broad_lines(wavelength: np.ndarray) -> np.ndarray:
    """Return a flux with features at least 100 Å wide, like a supernova's."""
    return 1 + 0.3 * np.sin(wavelength / 60) + 0.2 * np.sin(wavelength / 210)


def told(*spectrum: np.ndarray) -> Signal:
    found = signal_to_noise(*spectrum)
    assert found is not None
    return found


@pytest.mark.parametrize("step", [1.0, 2.5, 5.0, 10.0])
@pytest.mark.parametrize("wanted", [3.0, 12.0, 30.0])
def test_the_ratio_does_not_depend_on_the_sampling(step: float, wanted: float) -> None:
    wavelength = np.arange(3500.0, 9500.0, step)
    error = np.full(wavelength.size, np.sqrt(BIN / step) / wanted)
    flux = broad_lines(wavelength) + error * RANDOM.normal(size=wavelength.size)
    assert told(wavelength, flux).median == pytest.approx(wanted, rel=0.25)
    assert told(wavelength, flux, error).median == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize("step", [2.0, 5.0, 8.0])
@pytest.mark.parametrize("level", [0.7, 1.0, 1.5, 10.0])
def test_noise_around_a_constant_has_no_class_however_bright_the_constant(step: float, level: float) -> None:
    wavelength = np.arange(3800.0, 9000.0, step)
    found = [told(wavelength, level + np.random.default_rng(n).normal(size=wavelength.size)) for n in range(40)]
    assert sum(bool(signal.warning) for signal in found) >= 38


@pytest.mark.parametrize("wanted", [5.0, 12.0, 30.0])
def test_broad_features_stand_out_of_the_noise(wanted: float) -> None:
    wavelength = np.arange(3500.0, 9500.0, 10.0)
    flux = broad_lines(wavelength) + np.random.default_rng(3).normal(size=wavelength.size) / wanted
    assert told(wavelength, flux).warning == ""


def test_narrow_lines_on_a_continuum_stand_out_of_the_noise() -> None:
    wavelength = np.arange(3800.0, 9000.0, 2.0)
    lines = sum(9 * np.exp(-0.5 * ((wavelength - at) / 8) ** 2) for at in (4861, 5007, 6563, 6725))
    assert told(wavelength, 3 + lines + np.random.default_rng(3).normal(size=wavelength.size)).warning == ""


@pytest.mark.parametrize("scale", [1.0, 3e-17])
def test_pure_noise_has_a_ratio_near_zero(scale: float) -> None:
    wavelength = np.arange(3800.0, 9000.0, 8.0)
    flux = scale * RANDOM.normal(size=wavelength.size)
    for found in (told(wavelength, flux), told(wavelength, flux, np.full(wavelength.size, scale))):
        assert 0 <= found.median < MOSTLY_NOISE / 4
        assert found.peak < STANDS_OUT
        assert found.mostly_noise


def test_cosmic_rays_are_not_taken_for_signal() -> None:
    wavelength = np.arange(3800.0, 9000.0, 8.0)
    flux = RANDOM.normal(size=wavelength.size)
    flux[[90, 400]] += 200
    assert told(wavelength, flux).mostly_noise


@pytest.mark.parametrize("with_errors", [True, False])
def test_strong_lines_without_a_continuum_are_not_taken_for_noise(with_errors: bool) -> None:
    wavelength = np.arange(3800.0, 9000.0, 2.0)
    lines = {6563: 500, 7300: 200, 6300: 100}
    flux = sum(peak * np.exp(-0.5 * ((wavelength - at) / 20) ** 2) for at, peak in lines.items())
    flux = flux + RANDOM.normal(size=wavelength.size)
    found = told(wavelength, flux, *([np.ones(wavelength.size)] if with_errors else []))
    assert found.median < MOSTLY_NOISE
    assert found.peak > 10 * STANDS_OUT
    assert not found.mostly_noise


def test_a_flattened_spectrum_is_not_taken_for_noise() -> None:
    wavelength = np.geomspace(3500.0, 9500.0, 1024)
    flux = 0.3 * np.sin(wavelength / 60) + 0.01 * RANDOM.normal(size=wavelength.size)
    assert not told(wavelength, flux).mostly_noise


def test_one_narrow_line_is_a_feature() -> None:
    wavelength = np.arange(3700.0, 9200.0, 5.0)
    line = 15 / 20 * np.exp(-0.5 * ((wavelength - 6603) / 3.4) ** 2)
    noisy = [1 + line + RANDOM.normal(0, np.sqrt(2) / 20, wavelength.size) for _ in range(20)]
    assert [told(wavelength, flux).warning for flux in noisy] == [""] * 20


def test_errors_that_are_mostly_missing_are_ignored() -> None:
    wavelength = np.arange(3500.0, 9500.0, 10.0)
    flux = broad_lines(wavelength) + 0.1 * RANDOM.normal(size=wavelength.size)
    error = np.where(np.arange(wavelength.size) % 4 == 0, 1e-9, np.nan)
    assert signal_to_noise(wavelength, flux, error) == signal_to_noise(wavelength, flux)


def test_a_ratio_that_cannot_be_measured_is_unknown() -> None:
    wavelength = np.arange(5000.0, 5060.0, 1.0)
    assert signal_to_noise(wavelength, np.ones(wavelength.size)) is None
    wide = np.arange(3500.0, 9500.0, 10.0)
    assert signal_to_noise(wide, np.ones(wide.size)) is None
