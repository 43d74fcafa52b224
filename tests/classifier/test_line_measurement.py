"""Lines are measured where they are, and the errors say how far off the measurements are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.errors import SpectrumError
from classifier.line_measurement import Measured, candidates, measure_line
from classifier.lines import elements_of, velocity

WAVELENGTH = np.arange(5700.0, 6600.0, 2.5)
SIGMA = 40.0


def absorption(depth: float = 0.4, at: float = 6150.0) -> np.ndarray:
    continuum = 1 + 2e-4 * (WAVELENGTH - 6100)
    return np.asarray(continuum * (1 - depth * np.exp(-0.5 * ((WAVELENGTH - at) / SIGMA) ** 2)))


def measured_many(noise: float, draws: int = 80) -> dict[str, list[Measured]]:
    random = np.random.default_rng(5)
    error = np.full(WAVELENGTH.size, noise)
    found: dict[str, list[Measured]] = {"centre": [], "fwhm": [], "equivalent_width": [], "minimum": []}
    for _ in range(draws):
        line = measure_line(WAVELENGTH, absorption() + noise * random.normal(size=error.size), error, 5950, 6350)
        assert not line.emission
        for name, values in found.items():
            value = getattr(line, name)
            assert isinstance(value, Measured)
            values.append(value)
    return found


@pytest.mark.parametrize("noise", [0.02, 0.06])
def test_the_errors_of_a_gaussian_absorption_are_honest(noise: float) -> None:
    truth = {"centre": 6150.0, "minimum": 6150.0, "fwhm": 2.3548 * SIGMA, "equivalent_width": 0.4 * SIGMA * 2.5066}
    for name, values in measured_many(noise).items():
        pulls = [(one.value - truth[name]) / one.error for one in values]
        assert abs(np.mean(pulls)) < 0.4, name
        assert 0.75 < np.std(pulls) < 1.3, name


def test_emission_has_a_negative_equivalent_width_and_no_minimum() -> None:
    error = np.full(WAVELENGTH.size, 0.02)
    flux = absorption(depth=-2.0) + 0.02 * np.random.default_rng(1).normal(size=error.size)
    line = measure_line(WAVELENGTH, flux, error, 5950, 6350)
    assert line.emission
    assert line.minimum is None
    assert line.equivalent_width is not None
    assert line.equivalent_width.value == pytest.approx(-2.0 * SIGMA * 2.5066, rel=0.03)


def test_a_p_cygni_profile_is_emission_with_a_minimum_on_its_blue_side() -> None:
    trough = 0.3 * np.exp(-0.5 * ((WAVELENGTH - 6060) / 25) ** 2)
    peak = 0.9 * np.exp(-0.5 * ((WAVELENGTH - 6170) / 35) ** 2)
    flux = 1 - trough + peak + 0.01 * np.random.default_rng(2).normal(size=WAVELENGTH.size)
    line = measure_line(WAVELENGTH, flux, None, 5900, 6400)
    assert line.emission
    assert line.centre.value == pytest.approx(6170, abs=3)
    assert line.minimum is not None
    assert line.minimum.value == pytest.approx(6058, abs=6)


def test_noise_alone_has_neither_width_nor_minimum() -> None:
    flux = 1 + 0.05 * np.random.default_rng(3).normal(size=WAVELENGTH.size)
    line = measure_line(WAVELENGTH, flux, None, 5950, 6350)
    assert (line.fwhm, line.minimum) == (None, None)


def test_a_continuum_below_zero_gives_no_equivalent_width() -> None:
    line = measure_line(WAVELENGTH, absorption() - 2, None, 5950, 6350)
    assert line.equivalent_width is None


def test_a_stretch_with_few_samples_is_refused() -> None:
    with pytest.raises(SpectrumError, match="at least 10") as refused:
        measure_line(WAVELENGTH, absorption(), None, 6150, 6160)
    assert refused.value.code == "too_few_samples"


def test_a_stretch_of_many_samples_is_averaged_first() -> None:
    fine = np.linspace(5700, 6600, 60_000)
    flux = 1 - 0.4 * np.exp(-0.5 * ((fine - 6150) / SIGMA) ** 2)
    noise = 0.3 * np.random.default_rng(4).normal(size=fine.size)
    line = measure_line(fine, flux + noise, np.full(fine.size, 0.3), 5950, 6350)
    assert abs(line.centre.value - 6150) < 4 * line.centre.error
    assert line.centre.error < 2


@settings(deadline=None)
@given(st.floats(0.5, 4.0), st.floats(1e-18, 1e18), st.integers(0, 2**32 - 1))
def test_any_finite_stretch_is_measured(slope: float, size: float, seed: int) -> None:
    flux = size * np.random.default_rng(seed).normal(size=WAVELENGTH.size) * slope
    line = measure_line(WAVELENGTH, flux, None, 5800, 6500)
    assert 5800 <= line.centre.value <= 6500


def test_a_measured_silicon_line_is_named_first_for_a_type_ia_supernova() -> None:
    line = measure_line(WAVELENGTH, absorption(at=6110 * 1.02), np.full(WAVELENGTH.size, 0.01), 6030, 6430)
    first, *_ = candidates(line, 0.02, elements_of("SN Ia"))
    assert (first.name, first.rest) == ("Si II", 6355.0)
    assert first.velocity.value == pytest.approx(-11_800, abs=150)


def test_the_error_of_a_velocity_is_what_the_error_of_the_wavelength_makes_of_it() -> None:
    line = measure_line(WAVELENGTH, absorption(at=6110.0), np.full(WAVELENGTH.size, 0.01), 5900, 6300)
    assert line.minimum is not None
    at, error = line.minimum.value, line.minimum.error
    first, *_ = candidates(line, 0.0, ("Si II",))
    further = velocity(at + error, 6355.0, 0.0) - velocity(at, 6355.0, 0.0)
    assert first.velocity.error == pytest.approx(further, rel=1e-3)


def test_a_line_of_a_spectrum_in_vacuum_is_compared_with_lines_in_vacuum() -> None:
    error = np.full(WAVELENGTH.size, 0.01)
    line = measure_line(WAVELENGTH, absorption(at=6355 * 0.96), error, 5950, 6250)
    (air, vacuum) = (candidates(line, 0.0, ("Si II",), vacuum=flag)[0].velocity.value for flag in (False, True))
    assert air - vacuum == pytest.approx(83, abs=5)


def test_a_line_with_more_absorption_than_emission_is_absorption_however_high_its_peak_is() -> None:
    trough = 0.4 * np.exp(-0.5 * ((WAVELENGTH - 6080) / 40) ** 2)
    peak = 0.6 * np.exp(-0.5 * ((WAVELENGTH - 6200) / 10) ** 2)
    flux = 1 - trough + peak + 0.01 * np.random.default_rng(2).normal(size=WAVELENGTH.size)
    line = measure_line(WAVELENGTH, flux, None, 5900, 6400)
    assert line.equivalent_width is not None
    assert line.equivalent_width.value > 3 * line.equivalent_width.error
    assert not line.emission
    assert line.centre.value == pytest.approx(6080, abs=5)


def test_a_line_whose_absorption_and_emission_cancel_is_what_stands_out_most() -> None:
    trough = 0.2 * np.exp(-0.5 * ((WAVELENGTH - 6080) / 40) ** 2)
    peak = 0.8 * np.exp(-0.5 * ((WAVELENGTH - 6220) / 10) ** 2)
    flux = 1 - trough + peak + 0.02 * np.random.default_rng(2).normal(size=WAVELENGTH.size)
    line = measure_line(WAVELENGTH, flux, None, 5900, 6400)
    assert line.equivalent_width is not None
    assert abs(line.equivalent_width.value) < 3 * line.equivalent_width.error
    assert line.emission
