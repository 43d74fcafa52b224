"""Recognition of two spectra that are the same measurement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.same_measurement import CENTRE_TOLERANCE, WIDTH_TOLERANCE, centre_and_width, same_measurement

WAVELENGTH = np.linspace(3800, 9200, 1500)
SHAPE = 2 + np.sin(WAVELENGTH / 300)


def exposure(seed: int, noise: float = 0.05) -> np.ndarray:
    return SHAPE + np.random.default_rng(seed).normal(0, noise, SHAPE.size)


@given(factor=st.floats(1e-20, 1e6), digits=st.integers(4, 9), lost=st.integers(0, 20))
def test_a_copy_is_recognised_whatever_its_scale_and_rounding(factor: float, digits: int, lost: int) -> None:
    flux = exposure(1)
    copy = np.array([float(f"{value:.{digits}g}") for value in flux * factor])
    keep = np.arange(flux.size) != -1
    keep[np.random.default_rng(2).integers(1, flux.size - 1, lost)] = False
    assert same_measurement((WAVELENGTH, flux), (WAVELENGTH[keep], copy[keep]))
    first, second = centre_and_width(WAVELENGTH, flux), centre_and_width(WAVELENGTH[keep], copy[keep])
    assert first[0] == pytest.approx(second[0], rel=CENTRE_TOLERANCE)
    assert first[1] == pytest.approx(second[1], rel=WIDTH_TOLERANCE)


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.5])
def test_two_exposures_of_one_transient_are_not_the_same_measurement(noise: float) -> None:
    assert not same_measurement((WAVELENGTH, exposure(1, noise)), (WAVELENGTH, exposure(2, noise)))


def test_a_part_of_a_spectrum_its_negative_and_an_empty_one_are_not_the_same_measurement() -> None:
    flux = exposure(1)
    assert not same_measurement((WAVELENGTH, flux), (WAVELENGTH[:900], flux[:900]))
    assert not same_measurement((WAVELENGTH, flux), (WAVELENGTH, -flux))
    assert not same_measurement((WAVELENGTH, flux), (WAVELENGTH, flux * 0))
    assert not same_measurement((WAVELENGTH, flux), (WAVELENGTH + 20_000, flux))
