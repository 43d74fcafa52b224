"""The template cross-check: its matches and its templates."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from classifier.checkpoint import SHIPPED, load_checkpoint
from classifier.crosscheck import CrossCheck, Match
from classifier.flattening import flatten
from classifier.resampling import PreprocessConfig, resample
from tests.factories import observe

GRID = PreprocessConfig()


@pytest.fixture(scope="module")
def crosscheck() -> CrossCheck:
    checkpoint = load_checkpoint(SHIPPED)
    return CrossCheck(checkpoint.templates, checkpoint.grid)


def match(
    crosscheck: CrossCheck, redshift: float, known: float | None = None, scale: float = 1.0, seed: int = 8
) -> Match:
    spectrum = observe("SN Ia", seed=seed, redshift=redshift)
    spectrum = dataclasses.replace(spectrum, flux=spectrum.flux * scale, flux_error=None)
    resampled = resample(spectrum, GRID)
    found = crosscheck.match(torch.from_numpy(resampled.flux), torch.from_numpy(resampled.covered), known, False)
    assert found is not None
    return found


@pytest.mark.parametrize("redshift", [0.0, 0.03, 0.1, 0.3])
def test_the_cross_check_finds_an_unknown_redshift(crosscheck: CrossCheck, redshift: float) -> None:
    # One supernova alone may expand faster than its template, which looks like another redshift.
    found = [match(crosscheck, redshift, seed=seed) for seed in range(5, 12)]
    assert np.median([one.redshift for one in found]) == pytest.approx(redshift, abs=0.006)
    assert all(one.score > 12 for one in found)


def test_the_cross_check_stays_at_a_known_redshift(crosscheck: CrossCheck) -> None:
    found = match(crosscheck, 0.03, known=0.2)
    assert found.redshift == pytest.approx(0.2, abs=0.006)
    assert found.score < match(crosscheck, 0.03).score


def test_the_scale_of_the_flux_does_not_matter(crosscheck: CrossCheck) -> None:
    one, other = match(crosscheck, 0.05), match(crosscheck, 0.05, scale=1e-16)
    assert one.template == other.template
    assert one.score == pytest.approx(other.score, rel=1e-3)


def test_a_rest_frame_spectrum_gets_a_class_and_no_redshift(crosscheck: CrossCheck) -> None:
    resampled = resample(observe("SN Ia", seed=8, redshift=0.0), GRID)
    found = crosscheck.match(torch.from_numpy(resampled.flux), torch.from_numpy(resampled.covered), None, True)
    assert found is not None
    assert found.redshift is None


def test_the_fft_gives_the_same_correlation_as_the_direct_sum(crosscheck: CrossCheck) -> None:
    resampled = resample(observe("SN II", seed=5, redshift=0.02), GRID)
    flux, covered = torch.from_numpy(resampled.flux), torch.from_numpy(resampled.covered)
    scores = crosscheck.scores(flux, covered)
    flattened = flatten(resampled.flux[None], resampled.covered[None], np.zeros(1), GRID)
    values, weight = flattened.flux[0], flattened.weight[0]
    templates = crosscheck.templates
    template, lag = 7, 25
    t, u = templates.flux[template], templates.weight[template]
    # A positive lag shifts the template to the red.
    f, w, t, u = values[lag:], weight[lag:], t[:-lag], u[:-lag]
    expected = (f * w * t * u).sum() / np.sqrt((f**2 * w * u).sum() * (t**2 * u * w).sum()) * np.sqrt((w * u).sum())
    column = int((crosscheck.lags == lag).nonzero())
    assert float(scores[template, column]) == pytest.approx(expected, rel=1e-3)


def test_a_spectrum_without_samples_has_no_match(crosscheck: CrossCheck) -> None:
    flux = torch.zeros(GRID.fine_samples)
    assert crosscheck.match(flux, torch.zeros(GRID.fine_samples, dtype=torch.bool), None, False) is None


def test_every_template_averages_several_spectra_and_covers_a_range(crosscheck: CrossCheck) -> None:
    templates = crosscheck.templates
    assert (templates.spectra >= 3).all()
    assert (templates.weight.sum(1) > 80).all()
    assert np.isfinite(templates.flux).all()
