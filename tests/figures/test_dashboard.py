"""Reliability of the network's probabilities against vetted classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.figures.dashboard import reliability
from triage.queue.dashboard import Vetted

CLASSES = st.sampled_from(["SN Ia", "SN II", "TDE"])


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
def test_every_prediction_lies_in_one_bin_and_each_interval_contains_its_share(rows: list[Vetted]) -> None:
    bins = reliability(rows)
    assert sum(part.count for part in bins) == len(rows)
    assert all(0 <= part.low <= part.right <= part.high <= 1 for part in bins)
    assert sum(part.right * part.count for part in bins) == pytest.approx(
        sum(row.predicted == row.class_name for row in rows)
    )
