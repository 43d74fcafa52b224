"""Host light: how much of a spectrum's light is told to be the host's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from classifier import host_light as told
from classifier.checkpoint import SHIPPED, load_checkpoint
from classifier.evaluation.host_light import accuracy_without_host
from classifier.host_light import HostNetwork, host_light, is_hosted, measured
from classifier.host_spectrum import EIGENSPECTRA, GRID, IN_BAND
from classifier.resampling import resample
from classifier.simulation.spectra import INSTRUMENTS, simulate
from classifier.spectrum import FluxKind, Spectrum
from classifier.taxonomy import load_taxonomy
from classifier.training import host_light as training
from classifier.training.dataset import LabelledSpectra
from tests.factories import observe


def blend(share: float, seed: int = 0) -> Spectrum:
    """Return a simulated SN Ia at a redshift of 0.05 with a share of host light."""
    random = np.random.default_rng(seed)
    return simulate("SN Ia", random, redshift=0.05, instrument=INSTRUMENTS[1], signal_to_noise=30, host_fraction=share)


def test_the_share_that_was_blended_in_is_told() -> None:
    for share in (0.3, 0.6):
        found = host_light([blend(share, seed) for seed in range(12)], [0.05] * 12)
        assert all(0 <= one.share <= 1 and 0 < one.error < 0.3 for one in found if one)
        assert np.mean([one.share for one in found if one]) == pytest.approx(share, abs=0.15)
    little = host_light([blend(0.0, seed) for seed in range(12)], [0.05] * 12)
    assert np.median([one.share for one in little if one]) < 0.2


def test_a_spectrum_gives_the_same_answer_alone_as_among_others() -> None:
    together = host_light([blend(0.2), blend(0.6)], [0.05, 0.05])
    alone = host_light([blend(0.6)], [0.05])
    assert together[1] is not None
    assert alone[0] is not None
    assert together[1].share == pytest.approx(alone[0].share, abs=1e-5)


def test_nothing_is_told_where_too_little_of_the_band_is_covered() -> None:
    whole = blend(0.4)
    red = Spectrum(whole.wavelength[whole.wavelength > 5200], whole.flux[whole.wavelength > 5200])
    little = Spectrum(np.linspace(9000.0, 9100.0, 50), np.arange(50.0))
    found = host_light([red, whole, little], [0.05] * 3)
    assert (found[0], found[2]) == (None, None)
    assert found[1] is not None
    assert host_light([], []) == []


def test_nothing_is_told_of_a_flux_that_is_no_f_lambda() -> None:
    kinds: tuple[FluxKind, ...] = ("normalised", "flattened", "counts", "fnu", "unknown")
    found = host_light([dataclasses.replace(blend(0.4), flux_kind=kind) for kind in kinds], [0.05] * 5)
    assert [one is None for one in found] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("name", "hosted"),
    [
        ("SN Ia", True),
        ("SN Ia-91bg", True),
        ("TDE", True),
        ("AGN", False),
        ("Galaxy", False),
        ("Star", False),
        ("", False),
    ],
)
def test_a_host_is_looked_for_around_transients_that_are_no_nuclei(name: str, hosted: bool) -> None:
    assert is_hosted(name, load_taxonomy()) is hosted


def test_the_shipped_network_carries_what_it_was_measured_to_be_worth() -> None:
    figures = measured()
    assert [row["share"] for row in figures["by_share"]] == list(training.SHARES)
    assert figures["all"]["rms"] < 0.15
    assert 0.7 < figures["all"]["pull"] < 1.4


def test_a_blend_has_the_stated_share_of_its_light_in_the_band_from_the_host() -> None:
    wavelength = torch.from_numpy(GRID.grid()).float()
    own, host = torch.ones(1, GRID.samples), (wavelength / 5000).unsqueeze(0)
    everywhere = torch.ones(1, GRID.samples)
    flux, mask = training.blended(own, everywhere, host, (wavelength < 7500).float().unsqueeze(0), torch.tensor([0.3]))
    assert told.level(flux, mask).item() == pytest.approx(1.0, abs=1e-5)
    without = flux - 0.7 * mask
    assert told.level(without, mask).item() == pytest.approx(0.3, abs=1e-5)
    assert not mask[0, wavelength > 7500].any()


def data() -> LabelledSpectra:
    """Return real spectra of SN Ia and of galaxies with and without a redshift, twelve objects each."""
    names = load_taxonomy().trained
    rows = [
        (name, redshift, known, seed)
        for name, redshift, known in (("SN Ia", 0.04, True), ("Galaxy", 0.06, True), ("Galaxy", 0.1, False))
        for seed in range(1, 13)
    ]
    drawn = [resample(observe(name, seed=seed, redshift=redshift), GRID) for name, redshift, _, seed in rows]
    return LabelledSpectra(
        torch.from_numpy(np.stack([spectrum.flux for spectrum in drawn])),
        torch.from_numpy(np.stack([spectrum.covered for spectrum in drawn])),
        torch.tensor([names.index(name) for name, *_ in rows]),
        torch.tensor([redshift if known else np.nan for _, redshift, known, _ in rows], dtype=torch.float64),
        tuple(f"{name} {redshift} {seed}" for name, redshift, _, seed in rows),
        ("simulated",) * len(rows),
        torch.full((len(rows),), np.nan, dtype=torch.float64),
        torch.ones(len(rows), dtype=torch.bool),
        tuple(name for name, *_ in rows),
    )


def test_training_measures_on_objects_that_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[set[int]] = []
    fit = training._fit

    def watched(
        transients: training.Light, rows: training.Rows, galaxies: training.Light, hosts: training.Rows, steps: int
    ) -> HostNetwork:
        drawn.append({*transients.fold[rows].tolist(), *galaxies.fold[hosts].tolist()})
        return fit(transients, rows, galaxies, hosts, 2)

    monkeypatch.setattr(training, "_fit", watched)
    monkeypatch.setattr(training, "MOST_OWN", 1.1)
    _, figures = training.train(data(), load_checkpoint(SHIPPED))
    assert len(drawn) == 2
    assert all(training.LEFT_OUT not in folds for folds in drawn)
    assert figures["transients"] == 12
    # Those without a redshift got that of a template.
    assert figures["galaxies"] > 12
    assert {row["share"] for row in figures["by_share"]} == set(training.SHARES)


def test_eigenspectra_are_a_mean_galaxy_and_deviations_from_it_without_the_fold_that_measures() -> None:
    galaxies = training.galaxies_of(data(), load_checkpoint(SHIPPED))
    found = training.make_eigenspectra(galaxies)
    assert found.shape == (1 + EIGENSPECTRA, GRID.samples)
    assert found[0][IN_BAND].mean() == pytest.approx(1, abs=0.02)
    sizes = np.linalg.norm(found[1:], axis=1)
    assert (np.diff(sizes) <= 0).all()
    left_out = torch.from_numpy(galaxies.fold == training.LEFT_OUT)
    assert 0 < left_out.sum() < len(left_out)
    changed = dataclasses.replace(galaxies, flux=torch.where(left_out.unsqueeze(1), 100.0, galaxies.flux))
    assert training.make_eigenspectra(changed)[0] == pytest.approx(found[0])


def test_accuracy_is_measured_before_and_after_the_host_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MOST_OWN", 1.1)
    figures = accuracy_without_host(data(), load_checkpoint(SHIPPED))
    assert [row["share"] for row in figures] == [0.0, *training.SHARES]
    # Nothing was blended in, so the true share takes nothing off.
    assert figures[0]["after_true_share"] == figures[0]["before"]
    for row in figures:
        accuracy, low, high = row["after"]
        assert row["spectra"] > 0
        assert low <= accuracy <= high
        assert row["gain"] == pytest.approx(accuracy - row["before"][0], abs=0.002)
