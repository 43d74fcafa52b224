"""Fusion of a transient's epochs to one prediction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.evaluation.model_card_tables import auroc
from classifier.fusion import fuse
from classifier.wilson import wilson


def test_a_confident_epoch_outweighs_uncertain_ones() -> None:
    doubtful = [0.4, 0.35, 0.25]
    fused = fuse(np.array([doubtful, doubtful, [0.02, 0.96, 0.02]]))
    assert fused.probabilities.argmax() == 1
    assert fused.contradictory == []


def test_an_epoch_that_contradicts_all_others_is_flagged() -> None:
    fused = fuse(np.array([[0.97, 0.02, 0.01]] * 3 + [[0.05, 0.9, 0.05]]))
    assert fused.probabilities.argmax() == 0
    assert fused.contradictory == [3]


def test_a_single_epoch_is_returned_unchanged() -> None:
    np.testing.assert_allclose(fuse(np.array([[0.7, 0.2, 0.1]])).probabilities, [0.7, 0.2, 0.1])


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=4, max_size=4), min_size=1, max_size=8))
def test_probabilities_sum_to_one(raw: list[list[float]]) -> None:
    p = np.array(raw) / np.array(raw).sum(1, keepdims=True)
    fused = fuse(p)
    assert fused.probabilities.sum() == pytest.approx(1)
    assert (fused.probabilities >= 0).all()


def test_auroc_and_the_wilson_interval_match_textbook_values() -> None:
    one = np.ones(2)
    assert auroc(np.array([3.0, 4]), np.array([1.0, 2]), one, one) == 1
    assert auroc(one, one, one, one) == 0.5
    assert auroc(np.array([3.0, 1]), np.array([2.0, 4]), np.array([3.0, 1]), np.array([4.0, 1])) == pytest.approx(0.6)
    low, high = wilson(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.49, 0.943)
