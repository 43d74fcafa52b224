"""Samples of a spectrum as the plot draws them: decimated, binned and smoothed."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.figures.axes import flux_range, without_noisy_ends
from triage.figures.samples import (
    MAX_POINTS,
    Epoch,
    FluxKind,
    Look,
    as_shown,
    columns,
    decimate,
    encoded,
    look_of,
    smooth,
    smoothing_of,
)


def limits(drawn: Epoch, look: Look) -> tuple[float, float]:
    return flux_range(drawn, look, without_noisy_ends(drawn))


def epoch(flux: np.ndarray, error: np.ndarray | None = None, wavelength: np.ndarray | None = None) -> Epoch:
    return Epoch(np.linspace(3500, 9500, flux.size) if wavelength is None else wavelength, flux, error, "an epoch")


NOISE = np.random.default_rng(3).normal(size=5000)


@pytest.mark.parametrize(
    "flux",
    [NOISE, NOISE - NOISE.mean(), -np.abs(NOISE) * 1e-17, np.zeros(500), np.full(500, 3.0), np.repeat(NOISE, 20)],
    ids=["noise", "mean 0", "negative and tiny", "zero", "constant", "100,000 samples"],
)
def test_flux_of_any_size_and_sign_is_plotted(flux: np.ndarray) -> None:
    found = columns(epoch(flux), Look())
    assert 2 <= found["x"].size <= MAX_POINTS + 10
    assert np.isfinite(found["y"]).all()
    low, high = limits(epoch(flux), Look())
    assert low < np.median(found["y"]) < high
    assert np.isnan(found["lower"]).all()


def test_outliers_and_a_bad_edge_do_not_set_the_flux_axis() -> None:
    flux = 1 + 0.05 * NOISE[:2000]
    plain = limits(epoch(flux), Look())
    flux[700], flux[1200], flux[-15:] = 40, -30, 25
    assert limits(epoch(flux), Look()) == pytest.approx(plain, abs=0.05)


@pytest.mark.parametrize(("size", "wide"), [(3000, 6.0), (240, 30.0)], ids=["2 Å a sample", "25 Å a sample"])
def test_an_emission_line_stays_inside_the_axis(size: int, wide: float) -> None:
    wavelength = np.linspace(3500, 9500, size)
    flux = 1 + 12 * np.exp(-0.5 * ((wavelength - 6563) / wide) ** 2) + 0.02 * NOISE[:size]
    low, high = limits(epoch(flux, wavelength=wavelength), Look())
    assert high > 0.9 * columns(epoch(flux), Look())["y"].max()
    assert low < 0.9


def test_decimation_keeps_the_extremes_of_each_stretch() -> None:
    flux = np.repeat(NOISE, 20)
    flux[61_234], flux[80_001] = 99, -99
    kept = decimate(flux)
    assert {61_234, 80_001} <= set(kept)
    assert kept.size <= MAX_POINTS + 2


def test_every_sample_is_drawn_when_zoomed_in() -> None:
    flux = np.repeat(NOISE, 20)
    found = columns(epoch(flux), Look(stretch=(5000, 5100)))
    assert found["x"].min() >= 5000
    assert found["x"].max() <= 5100
    assert found["x"].size == pytest.approx(100 / 6000 * flux.size, abs=2)


def test_no_line_is_drawn_across_a_gap() -> None:
    wavelength = np.concatenate([np.arange(4000.0, 5000, 2), np.arange(6000.0, 7000, 2)])
    found = columns(epoch(np.ones(wavelength.size), wavelength=wavelength), Look())
    gap = np.flatnonzero(np.isnan(found["y"]))
    assert gap.size == 1
    assert 5000 < found["x"][gap[0]] < 6000


def test_binned_samples_have_smaller_errors() -> None:
    found = columns(epoch(NOISE, np.ones(NOISE.size)), Look(binning=3))
    plain = columns(epoch(NOISE[:2000], np.ones(2000)), Look())
    width = found["upper"] - found["lower"]
    assert found["x"].size == 1000
    assert np.median(width) == pytest.approx(np.median(plain["upper"] - plain["lower"]) / np.sqrt(5), rel=0.1)


def test_smoothing_keeps_the_level_up_to_the_edges() -> None:
    assert smooth(np.full(300, 2.5), 6.0) == pytest.approx(2.5)
    assert smooth(np.full(3, 2.5), 16.0) == pytest.approx(2.5)


@given(st.dictionaries(st.sampled_from(["smooth", "bin", "from", "to"]), st.text(max_size=8)))
def test_no_query_in_the_url_breaks_the_plot(query: dict[str, str]) -> None:
    assert columns(epoch(NOISE[:100]), look_of(query))["x"].size <= 101


def test_a_stretch_without_samples_is_empty() -> None:
    found = columns(epoch(NOISE), Look(stretch=(100, 200)))
    assert {name: base64.b64decode(text) for name, text in encoded(found).items()}["y"] == b""


def test_a_noisy_stretch_does_not_set_the_flux_axis() -> None:
    wavelength = np.linspace(3000, 9600, 660)
    flux = 1 + 0.3 * np.sin(wavelength / 300) + 0.02 * NOISE[:660]
    plain = limits(epoch(flux, wavelength=wavelength), Look())
    noisy = flux.copy()
    noisy[:40] += 500 * NOISE[700:740]
    assert limits(epoch(noisy, wavelength=wavelength), Look()) == pytest.approx(plain, rel=0.35)


def test_faint_data_are_smoothed_unless_somebody_chose() -> None:
    faint, bright = epoch(1 + 3 * NOISE), epoch(1 + 0.01 * NOISE)
    assert (smoothing_of(faint, Look()), smoothing_of(bright, Look())) == (4, 0)
    assert smoothing_of(faint, Look(smoothing=0)) == 0
    assert np.std(columns(faint, Look())["y"]) < 0.5 * np.std(columns(faint, Look(smoothing=0))["y"])
    assert look_of({"smooth": ""}) == look_of({}) == Look()


@pytest.mark.parametrize("sigma", [15.0, 60.0, 100.0])
@pytest.mark.parametrize("signal_to_noise", [10, 100])
def test_a_broad_line_stays_inside_the_axis(sigma: float, signal_to_noise: int) -> None:
    wavelength = np.linspace(3500, 9500, 2000)
    flux = 1 + 3 * np.exp(-0.5 * ((wavelength - 6563) / sigma) ** 2) + NOISE[:2000] / signal_to_noise
    _, high = limits(epoch(flux, wavelength=wavelength), Look())
    assert high > 0.95 * smooth(columns(epoch(flux), Look())["y"], 2.0).max()


def test_an_epoch_without_enough_of_the_optical_is_shown_as_measured() -> None:
    flux = 1 + 0.1 * NOISE[:600]
    infrared = epoch(flux, wavelength=np.linspace(11_000, 24_000, 600))
    look = Look(flux=FluxKind.CONTINUUM)
    shown, possible = as_shown(infrared, look)
    assert shown is infrared
    assert possible.flux == FluxKind.MEASURED
    shown, possible = as_shown(epoch(flux), look)
    assert possible == look
    assert np.median(shown.flux) == pytest.approx(1, abs=0.02)


def test_a_logarithm_is_drawn_where_the_flux_is_positive() -> None:
    flux = 10 ** np.linspace(0, 2, 400)
    flux[100] = -1
    drawn = columns(epoch(flux), Look(flux=FluxKind.LOG))
    assert np.isnan(drawn["y"][100])
    assert np.nanmax(drawn["y"]) - np.nanmin(drawn["y"]) == pytest.approx(2, abs=0.01)
    low, high = limits(epoch(flux), Look(flux=FluxKind.LOG))
    assert low < np.nanpercentile(drawn["y"], 2) < np.nanmax(drawn["y"]) < high + 0.2
