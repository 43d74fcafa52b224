"""The error that is given with a redshift."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.calibration import Calibration, fit_calibration
from classifier.outputs import Mode, Outputs
from classifier.taxonomy import load_taxonomy

NAMES = load_taxonomy().trained
COUNT = 6000


@pytest.fixture(scope="module")
def truth() -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Labels and redshifts of supernovae Ia and stars, half of each."""
    labels = np.where(np.arange(COUNT) % 2 == 0, NAMES.index("SN Ia"), NAMES.index("Star"))
    distance = np.random.default_rng(1).uniform(0.01, 0.2, COUNT)
    return labels, np.where(labels == NAMES.index("Star"), 0.0, distance)


@pytest.fixture(scope="module")
def outputs(truth: tuple[NDArray[np.int_], NDArray[np.float64]]) -> Outputs:
    """Outputs whose true error grows with the square of the stated one, and is tiny for stars."""
    random = np.random.default_rng(2)
    labels, redshift = truth
    stated = random.uniform(0.004, 0.012, COUNT)
    true_error = np.where(labels == NAMES.index("Star"), 0.0002, 50 * stated**2)
    logits = np.zeros((COUNT, len(NAMES)))
    logits[np.arange(COUNT), labels] = 8.0
    found = redshift + true_error * random.standard_normal(COUNT) * (1 + redshift)
    return Outputs(logits, found, stated * (1 + found), random.uniform(0.5, 1, COUNT), np.full(COUNT, np.nan))


@pytest.fixture(scope="module")
def fitted(truth: tuple[NDArray[np.int_], NDArray[np.float64]], outputs: Outputs) -> Calibration:
    modes: dict[Mode, Outputs] = {"known": outputs, "blind": outputs}
    ids = [f"object-{number}" for number in range(COUNT)]
    return fit_calibration(modes, truth[0], truth[1], ids, load_taxonomy())


def test_the_errors_of_redshifts_fit_whether_they_are_small_or_large(
    truth: tuple[NDArray[np.int_], NDArray[np.float64]], outputs: Outputs, fitted: Calibration
) -> None:
    labels, redshift = truth
    given = fitted.apply_to(outputs, "blind")
    pulls = np.abs((given.redshift - redshift) / given.redshift_error)
    star = labels == NAMES.index("Star")
    sure = outputs.redshift_error < np.median(outputs.redshift_error)
    for rows in (star, ~star & sure, ~star & ~sure):
        assert 1.48 * np.nanmedian(pulls[rows]) == pytest.approx(1, abs=0.12)


def test_a_calibration_that_was_stored_before_errors_had_a_power_scales_them_as_it_did(
    outputs: Outputs, fitted: Calibration
) -> None:
    new = ("redshift_error_power", "redshift_error_galactic", "galactic")
    stored = {key: value for key, value in fitted.to_dict().items() if key not in new} | {"redshift_error_scale": 0.5}
    given = Calibration.from_dict(stored).apply_to(outputs, "blind")
    np.testing.assert_allclose(given.redshift_error, 0.5 * outputs.redshift_error)


def test_a_calibration_is_stored_and_read_back(fitted: Calibration) -> None:
    assert Calibration.from_dict(dataclasses.asdict(fitted)) == fitted
