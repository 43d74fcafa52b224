"""Cohen's kappa of two reviewers."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.review.agreement import cohens_kappa

CLASSES = st.sampled_from(["SN Ia", "SN II", "TDE"])
PAIRS = st.lists(st.tuples(CLASSES, CLASSES), min_size=1, max_size=40)


def test_kappa_matches_a_worked_example() -> None:
    # The observed agreement is 35/50; by chance it is (25·30 + 25·20)/50² = 0.5.
    pairs = 20 * [("a", "a")] + 5 * [("a", "b")] + 10 * [("b", "a")] + 15 * [("b", "b")]
    kappa = cohens_kappa(Counter(pairs))
    assert (kappa.count, kappa.observed, kappa.chance) == (50, 0.7, 0.5)
    assert kappa.value == pytest.approx(0.4)
    assert kappa.error == pytest.approx((0.7 * 0.3 / 50) ** 0.5 / 0.5)


def test_kappa_is_undefined_when_two_reviewers_always_choose_one_class() -> None:
    assert cohens_kappa({("a", "a"): 2}).value is None


@given(PAIRS)
def test_kappa_is_symmetric_and_one_when_all_agree(pairs: list[tuple[str, str]]) -> None:
    kappa, turned = cohens_kappa(Counter(pairs)), cohens_kappa(Counter((other, one) for one, other in pairs))
    assert kappa.value == (None if turned.value is None else pytest.approx(turned.value))
    if kappa.value is not None:
        assert kappa.value <= 1
        assert (kappa.value == 1) == all(one == other for one, other in pairs)
