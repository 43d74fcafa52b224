"""The template cross-check: its matches and its templates."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from classifier.checkpoint import SHIPPED, load_checkpoint
from classifier.crosscheck import CrossCheck, Match, flattened_terms
from classifier.flattening import flatten
from classifier.network import SpectraNetConfig
from classifier.resampling import Resampled, resample
from classifier.templates import Templates
from tests.factories import observe

CHECKPOINT = load_checkpoint(SHIPPED)
GRID = CHECKPOINT.grid


@pytest.fixture(scope="module")
def crosscheck() -> CrossCheck:
    return CrossCheck(CHECKPOINT.templates, GRID)


def match(
    crosscheck: CrossCheck, redshift: float, known: float | None = None, scale: float = 1.0, seed: int = 8
) -> Match:
    spectrum = observe("SN Ia", seed=seed, redshift=redshift)
    spectrum = dataclasses.replace(spectrum, flux=spectrum.flux * scale, flux_error=None)
    resampled = resample(spectrum, GRID)
    return compared(crosscheck, resampled, known)


def compared(crosscheck: CrossCheck, resampled: Resampled, known: float | None) -> Match:
    flux, covered = torch.from_numpy(resampled.flux[None]), torch.from_numpy(resampled.covered[None])
    (found,) = crosscheck.compare(flux, covered, [known]).matches
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


def test_a_rest_frame_spectrum_is_compared_at_rest(crosscheck: CrossCheck) -> None:
    resampled = resample(observe("SN Ia", seed=8, redshift=0.0), GRID)
    assert compared(crosscheck, resampled, 0.0).redshift == pytest.approx(0.0, abs=0.006)


def test_a_batch_gives_each_spectrum_what_it_gets_alone(crosscheck: CrossCheck) -> None:
    resampled = [resample(observe("SN Ia", seed=seed, redshift=0.1), GRID) for seed in (5, 6, 7)]
    flux, covered = (
        torch.from_numpy(np.stack([getattr(one, name) for one in resampled])) for name in ("flux", "covered")
    )
    redshifts = [None, 0.1, None]
    together = crosscheck.compare(flux, covered, redshifts).matches
    assert together == [compared(crosscheck, one, known) for one, known in zip(resampled, redshifts, strict=True)]


def test_the_templates_speak_for_their_redshift_in_the_network_s_bins(crosscheck: CrossCheck) -> None:
    config = SpectraNetConfig.compact(15)
    resampled = resample(observe("SN Ia", seed=8, redshift=0.1), GRID)
    best = crosscheck.compare(
        torch.from_numpy(resampled.flux[None]), torch.from_numpy(resampled.covered[None]), [None]
    ).best
    (evidence,) = crosscheck.redshift_evidence(best, config)
    at = config.redshift_first + config.redshift_step * int(evidence.argmax())
    assert np.expm1(at) == pytest.approx(0.1, abs=0.01)
    # Beyond the redshifts that are compared, nothing is said for or against.
    assert evidence[-1] == pytest.approx(0.5 * float(best.mean()))


def test_the_fft_gives_the_same_correlation_as_the_direct_sum(crosscheck: CrossCheck) -> None:
    resampled = resample(observe("SN II", seed=5, redshift=0.02), GRID)
    flux, covered = torch.from_numpy(resampled.flux[None]), torch.from_numpy(resampled.covered[None])
    (scores,) = crosscheck.scores(flattened_terms(flux, covered, crosscheck.grid))
    flattened = flatten(resampled.flux[None], resampled.covered[None], np.zeros(1), crosscheck.grid)
    values, weight = flattened.flux[0], flattened.weight[0]
    templates = crosscheck.templates
    template, lag = 7, 25
    t, u = templates.flux[template], templates.weight[template]
    # A positive lag shifts the template to the red.
    f, w, t, u = values[lag:], weight[lag:], t[:-lag], u[:-lag]
    expected = (f * w * t * u).sum() / np.sqrt((f**2 * w * u).sum() * (t**2 * u * w).sum()) * np.sqrt((w * u).sum())
    column = int((crosscheck.lags == lag).nonzero())
    assert float(scores[template, column]) == pytest.approx(expected, rel=1e-3)


def test_a_shift_on_the_edge_of_two_bins_counts_in_both(crosscheck: CrossCheck) -> None:
    config = SpectraNetConfig.compact(15)
    best = torch.zeros(1, len(crosscheck.lags))
    best[0, int((crosscheck.lags == 0).nonzero())] = 10.0
    (evidence,) = crosscheck.redshift_evidence(best, config)
    # ln(1 + 0) lies between the centres -0.002 and 0.002.
    assert np.flatnonzero(evidence > 1).tolist() == [2, 3]


def test_a_spectrum_without_samples_has_no_match(crosscheck: CrossCheck) -> None:
    flux = torch.zeros(1, GRID.fine_samples)
    assert crosscheck.compare(flux, flux > 0, [None]).matches == [None]


def test_every_template_averages_several_spectra_and_covers_a_range(crosscheck: CrossCheck) -> None:
    templates = crosscheck.templates
    assert (templates.spectra >= 3).all()
    assert (templates.weight.sum(1) > 80).all()
    assert np.isfinite(templates.flux).all()


def test_a_template_with_a_hole_counts_where_it_is_longest(tmp_path: Path) -> None:
    templates = CHECKPOINT.templates
    holed = templates.weight.copy()
    holed[0] = 0
    holed[0, 100:200] = holed[0, 210:500] = 1
    holed[1] = 0
    dataclasses.replace(templates, weight=holed).save(tmp_path / "holed.safetensors")
    read = Templates.load(tmp_path / "holed.safetensors")
    assert np.flatnonzero(read.weight[0]).tolist() == list(range(210, 500))
    assert not read.weight[1].any()
    assert (read.weight[2:] == templates.weight[2:]).all()
