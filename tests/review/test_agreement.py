"""Cohen's kappa of two reviewers, and the votes that are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import classified, override
from triage.review import agreement
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


@pytest.mark.django_db
def test_the_latest_votes_after_somebody_elses_are_compared_with_those_before_them(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "LATEST", 1)
    ada, ben, cat = (make_user(name, "ZTF") for name in ("ada", "ben", "cat"))
    early, late = (classified(ada, name, seed=seed) for seed, name in enumerate(("EARLY", "LATE")))
    override(ada, late, "TDE")
    for user in (ada, ben):
        override(user, early, "AGN")
    override(cat, late, "SN Ia")
    pairs, records = agreement.reviewers(ada)
    assert [(pair.first, pair.second, pair.kappa.count) for pair in pairs] == [("ada", "cat", 1)]
    assert [(record.reviewer, record.agreed) for record in records] == [("ada", 0), ("cat", 1)]
