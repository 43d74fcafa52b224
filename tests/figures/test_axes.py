"""Wavelengths that the plot of a spectrum shows at first."""

from __future__ import annotations

import numpy as np
import pytest

from triage.figures.axes import flux_range, without_noisy_ends
from triage.figures.samples import Epoch, Look

WAVELENGTH = np.linspace(3500, 9500, 2000)
NOISE = np.random.default_rng(3).normal(size=2000)


def stretch(flux: np.ndarray) -> tuple[float, float]:
    return without_noisy_ends(Epoch(WAVELENGTH, flux, None, "an epoch"))


@pytest.mark.parametrize(
    "flux",
    [
        1 + 0.02 * NOISE,
        NOISE,
        (WAVELENGTH / 9500) ** -4 * (1 + 0.05 * NOISE),
        1 + 5 * np.exp(-0.5 * ((WAVELENGTH - 9300) / 20) ** 2) + 0.02 * NOISE,
        np.ones(2000),
    ],
    ids=["even noise", "nothing but noise", "a bright blue end", "a line at the end", "no noise"],
)
def test_a_spectrum_is_drawn_whole_if_its_ends_are_no_worse_than_the_rest(flux: np.ndarray) -> None:
    assert stretch(flux) == (3500, 9500)


def test_ends_that_are_mostly_noise_are_left_out() -> None:
    flux = 1 + 0.02 * NOISE
    flux[WAVELENGTH < 4000] += 3 * NOISE[WAVELENGTH < 4000]
    flux[WAVELENGTH > 9000] += 3 * NOISE[WAVELENGTH > 9000]
    first, last = stretch(flux)
    assert first == pytest.approx(4000, abs=100)
    assert last == pytest.approx(9000, abs=100)
    low, high = flux_range(Epoch(WAVELENGTH, flux, None, "an epoch"), Look(), stretch(flux))
    assert 0.8 < low < high < 1.2


def test_a_noisy_stretch_in_the_middle_leaves_nothing_out() -> None:
    flux = 1 + 0.02 * NOISE
    flux[800:1000] += 3 * NOISE[800:1000]
    assert stretch(flux) == (3500, 9500)


def limits(flux: np.ndarray) -> tuple[float, float]:
    """Return the limits of the flux axis in the unit of the flux."""
    epoch = Epoch(WAVELENGTH, flux, None, "an epoch", unit=1.0)
    return flux_range(epoch, Look(), without_noisy_ends(epoch))


@pytest.mark.parametrize("line", [3727, 9300])
def test_a_line_near_an_end_stays_inside_if_the_flux_returns_before_the_end(line: float) -> None:
    low, high = limits(1 + 8 * np.exp(-0.5 * ((WAVELENGTH - line) / 15) ** 2) + 0.05 * NOISE)
    assert low < 1
    assert high > 9


def test_a_red_end_that_rings_does_not_stretch_the_flux_axis() -> None:
    # The residuals of sky lines are spikes to both sides, much higher than the noise between them.
    low, high = limits(1 + 0.05 * NOISE + np.where(WAVELENGTH > 8900, 0.3 * NOISE**3, 0))
    assert 0.7 < low < 0.9
    assert 1.1 < high < 1.3


def test_an_end_that_runs_away_widens_the_flux_axis_by_half_at_most() -> None:
    flux = 1 + 0.5 * np.sin(WAVELENGTH / 300) + 0.02 * NOISE
    flux[WAVELENGTH > 9350] += np.linspace(0, 30, int((WAVELENGTH > 9350).sum()))
    assert 1.4 < limits(flux)[1] < 2.6


def test_an_absorption_near_an_end_stays_within_the_flux_axis() -> None:
    flux = 1 + 0.02 * NOISE - 0.95 * np.exp(-0.5 * ((WAVELENGTH - 3680) / 25) ** 2)
    flux += 0.5 * np.sin(WAVELENGTH / 300)
    assert limits(flux)[0] < flux.min()


def test_a_bright_blue_side_stays_within_the_flux_axis_though_its_noise_is_larger_there() -> None:
    clean = (WAVELENGTH / 9500) ** -4
    assert limits(clean * (1 + 0.05 * NOISE))[1] > clean[40]


@pytest.mark.parametrize("width", [6.0, 40.0], ids=["narrow", "broad"])
def test_a_strong_line_stays_within_the_flux_axis(width: float) -> None:
    flux = 1 + 0.05 * NOISE + 25 * np.exp(-0.5 * ((WAVELENGTH - 6600) / width) ** 2)
    assert limits(flux)[1] > 24


def test_a_peak_many_samples_wide_stays_within_the_flux_axis_though_each_sample_is_noisy() -> None:
    peak = 3 * np.exp(-0.5 * ((WAVELENGTH - 8600) / 60) ** 2)
    assert limits(1 + peak + (0.02 + 0.23 * peak) * NOISE)[1] > 4


@pytest.mark.parametrize("sky", [5577.3, 6300.3, 6363.8])
def test_a_bright_line_of_the_night_sky_does_not_stretch_the_flux_axis(sky: float) -> None:
    flux = 1 + 0.05 * NOISE + 9 * np.exp(-0.5 * ((WAVELENGTH - sky) / 4) ** 2)
    assert limits(flux)[1] < 1.3
    epoch = Epoch(WAVELENGTH, flux, None, "an epoch", unit=1.0)
    assert flux_range(epoch, Look(), (3500, 9500), at_rest=True)[1] > 9


def test_a_broad_line_at_a_line_of_the_night_sky_stays_within_the_flux_axis() -> None:
    assert limits(1 + 0.05 * NOISE + 5 * np.exp(-0.5 * ((WAVELENGTH - 6300) / 60) ** 2))[1] > 5.5


def test_a_narrow_spike_far_below_zero_does_not_stretch_the_flux_axis() -> None:
    assert limits(1 + 0.05 * NOISE - 9 * np.exp(-0.5 * ((WAVELENGTH - 8900) / 6) ** 2))[0] > -0.5


def test_bad_samples_in_a_row_of_two_do_not_stretch_the_flux_axis() -> None:
    flux = 1 + 0.02 * NOISE
    flux[700:702] = 40
    flux[1500:1502] = -30
    low, high = limits(flux)
    assert 0.8 < low < high < 1.2


def test_a_smooth_stretch_that_the_errors_call_lost_does_not_stretch_the_flux_axis() -> None:
    # Some reductions join two arms by a straight line between their bad edges, with a huge error.
    flux, error = 1 + 0.05 * NOISE, np.full(2000, 0.05)
    flux[700:900], error[700:900] = np.linspace(5, -1.2, 200), 12.0
    epoch = Epoch(WAVELENGTH, flux, error, "an epoch", unit=1.0)
    low, high = flux_range(epoch, Look(), without_noisy_ends(epoch))
    assert 0.7 < low < high < 1.3


def test_a_bright_line_stays_within_the_flux_axis_though_its_error_is_large() -> None:
    line = 30 * np.exp(-0.5 * ((WAVELENGTH - 6600) / 30) ** 2)
    epoch = Epoch(WAVELENGTH, 1 + line + 0.05 * NOISE, 0.05 + 0.1 * line, "an epoch", unit=1.0)
    assert flux_range(epoch, Look(), without_noisy_ends(epoch))[1] > 30
