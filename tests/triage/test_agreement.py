"""Figures of agreement and of the network against what was vetted."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.agreement import cohens_kappa
from triage.night import Vetted
from triage.night_plots import reliability
from triage.templatetags.triage_tags import redshift, share

CLASSES = st.sampled_from(["SN Ia", "SN II", "TDE"])
PAIRS = st.lists(st.tuples(CLASSES, CLASSES), min_size=1, max_size=40)


@pytest.mark.parametrize(("value", "words"), [(1.0, "100 %"), (0.0, "0 %"), (0.999, "> 99 %"), (0.5, "50 %")])
def test_a_counted_share_may_be_none_or_all(value: float, words: str) -> None:
    assert share(value) == words


def test_no_redshift_is_minus_zero() -> None:
    assert redshift(-3e-5, 0.001) == "0.0000 ± 0.0010"


def test_kappa_of_a_worked_example() -> None:
    # Observed 35/50, by chance (25·30 + 25·20)/50² = 0.5.
    pairs = 20 * [("a", "a")] + 5 * [("a", "b")] + 10 * [("b", "a")] + 15 * [("b", "b")]
    kappa = cohens_kappa(Counter(pairs))
    assert (kappa.count, kappa.observed, kappa.chance) == (50, 0.7, 0.5)
    assert kappa.value == pytest.approx(0.4)
    assert kappa.error == pytest.approx((0.7 * 0.3 / 50) ** 0.5 / 0.5)


def test_two_who_always_say_one_class_have_no_kappa() -> None:
    assert cohens_kappa({("a", "a"): 2}).value is None


@given(PAIRS)
def test_kappa_does_not_care_who_is_first_and_is_one_where_all_agree(pairs: list[tuple[str, str]]) -> None:
    kappa, turned = cohens_kappa(Counter(pairs)), cohens_kappa(Counter((other, one) for one, other in pairs))
    assert kappa.value == (None if turned.value is None else pytest.approx(turned.value))
    if kappa.value is not None:
        assert kappa.value <= 1
        assert (kappa.value == 1) == all(one == other for one, other in pairs)


ROWS = st.lists(
    st.builds(
        Vetted,
        class_name=CLASSES,
        predicted=CLASSES,
        probability=st.floats(0, 1),
        instrument=st.just("SEDM"),
        waited=st.none(),
        blind=st.booleans(),
    ),
    max_size=40,
)


@given(ROWS)
def test_every_prediction_lies_in_one_bin_and_each_interval_holds_its_share(rows: list[Vetted]) -> None:
    bins = reliability(rows)
    assert sum(part.count for part in bins) == len(rows)
    assert all(0 <= part.low <= part.right <= part.high <= 1 for part in bins)
    assert sum(part.right * part.count for part in bins) == pytest.approx(
        sum(row.predicted == row.class_name for row in rows)
    )
