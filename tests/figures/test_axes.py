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
