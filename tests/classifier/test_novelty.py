"""Novelty from energy and references."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from classifier.calibration import ModeCalibration
from classifier.novelty import energy, fit_novelty
from classifier.outputs import Outputs
from classifier.references import References, unit

COUNT = 4000


@pytest.fixture(scope="module")
def references() -> References:
    """References of two members: 50 directions near the first axis and 50 near the second."""
    near = torch.eye(16)[:2].repeat_interleave(50, 0)
    noise = 0.1 * torch.randn(2, 100, 16, generator=torch.Generator().manual_seed(1))
    return References(unit(near + noise))


def outputs(distance: float | None = None) -> Outputs:
    """Outputs whose energies and distances have nothing to do with each other."""
    random = np.random.default_rng(1)
    distances = random.uniform(0, 1, COUNT) if distance is None else np.full(COUNT, distance)
    unknown = np.full(COUNT, np.nan)
    return Outputs(random.normal(0, 3, (COUNT, 15)), unknown, unknown, unknown, distances)


def calibrated(fitted_on: Outputs) -> ModeCalibration:
    return ModeCalibration(1.0, (), (), **fit_novelty(fitted_on, np.ones(COUNT)))


def test_a_spectrum_among_the_references_is_near_and_another_is_far(references: References) -> None:
    among, apart = torch.eye(16)[0].repeat(2), torch.eye(16)[9].repeat(2)
    near, far = references.distance(torch.stack([among, 7 * apart]))
    assert 0 < near < 0.1
    assert far > 0.6


def test_the_distance_is_the_mean_of_the_members_distances(references: References) -> None:
    hidden = torch.randn(5, 32, generator=torch.Generator().manual_seed(2))
    alone = [references.of_member(i).distance(hidden[:, 16 * i : 16 * (i + 1)]) for i in range(2)]
    np.testing.assert_allclose(references.distance(hidden), np.mean(alone, axis=0), atol=1e-6)


def test_references_take_a_byte_for_each_number_and_give_the_same_distances(
    references: References, tmp_path: Path
) -> None:
    path = tmp_path / "references.safetensors"
    references.save(path)
    assert path.stat().st_size < references.embeddings.numel() + 500
    hidden = torch.randn(5, 32, generator=torch.Generator().manual_seed(2))
    np.testing.assert_allclose(References.load(path).distance(hidden), references.distance(hidden), atol=0.01)


def test_a_tenth_of_the_known_objects_has_a_novelty_above_nine_tenths() -> None:
    known = outputs()
    assert np.mean(calibrated(known).novelty(known) > 0.9) == pytest.approx(0.1, abs=0.01)


def test_what_is_far_from_all_references_is_newer_than_what_only_the_energy_finds_unusual() -> None:
    fitted = calibrated(outputs())
    far, near = fitted.novelty(outputs(distance=1.5)), fitted.novelty(outputs(distance=0.0))
    assert (far > near).all()
    assert np.mean(far) > 0.8


def test_without_references_the_energy_alone_tells_the_novelty() -> None:
    known = dataclasses.replace(outputs(), distance=np.full(COUNT, np.nan))
    fitted = calibrated(known)
    assert (fitted.distance, fitted.unfamiliarity) == ((), ())
    order = np.argsort(energy(known.logits))
    assert (np.diff(fitted.novelty(known)[order]) >= 0).all()
