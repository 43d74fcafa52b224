"""Coordinates are read and written in degrees and in sexagesimal units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.readers.coordinates import read_degrees, sexagesimal


def test_coordinates_are_written_with_the_digits_that_the_tns_takes() -> None:
    assert sexagesimal(187.5, -1.0) == ("12:30:00.000", "-01:00:00.00")
    assert sexagesimal(0.000123456789, 0.5) == ("00:00:00.030", "+00:30:00.00")


@given(ra=st.floats(0, 359.999), dec=st.floats(-89.999, 89.999))
def test_what_is_written_is_read_again(ra: float, dec: float) -> None:
    hours, degrees = sexagesimal(ra, dec)
    assert read_degrees(hours, 15) == pytest.approx(ra, abs=1e-5)
    assert read_degrees(degrees, 1) == pytest.approx(dec, abs=2e-6)
