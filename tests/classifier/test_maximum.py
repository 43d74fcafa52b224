"""Maximum of a light curve."""

from __future__ import annotations

import pytest

from classifier.bands import band_of
from classifier.maximum import Limit, Maximum, Point, filter_curves, in_magnitudes, magnitude_at, maximum


def rise_and_fall(
    name: str = "r", top: float = 17.0, step: float = 3.0, first: float = -15, last: float = 30
) -> list[Point]:
    """Return a light curve that is brightest at MJD 60000 and fades by a magnitude in twenty days on both sides."""
    days = [first + step * number for number in range(int((last - first) / step) + 1)]
    return [(60_000.0 + day, name, top + (day / 20) ** 2, 0.03) for day in days]


def found(
    points: list[Point], limits: list[Limit] | None = None, redshift: float = 0.0, around: float | None = None
) -> Maximum:
    top = maximum(filter_curves(points, limits or []), redshift, around)
    assert top is not None
    return top


def test_the_brightest_night_between_fainter_ones_is_the_maximum() -> None:
    top = found(rise_and_fall())
    assert (top.mjd, top.magnitude, top.covered) == (60_000.0, 17.0, True)
    # 0.1 mag fainter seven days before and after, so on the nights nine days before and after.
    assert top.mjd_error == 9.0


def test_a_light_curve_that_only_falls_does_not_cover_its_maximum() -> None:
    top = found(rise_and_fall(first=0))
    assert (top.magnitude, top.covered, top.mjd_error) == (17.0, False, None)


def test_a_limit_alone_before_the_first_night_does_not_show_the_rise() -> None:
    assert not found(rise_and_fall(first=0), [(59_999.0, "r", 20.0)]).covered


def test_a_limit_shows_that_the_transient_was_fainter_before_the_nights_near_the_maximum() -> None:
    flat: list[Point] = [(59_998.0, "r", 17.02, 0.03), (60_000.0, "r", 17.0, 0.03), (60_005.0, "r", 17.3, 0.03)]
    assert not found(flat).covered
    assert found(flat, [(59_990.0, "r", 20.0)]).covered
    # A shallow limit, or one in another filter, tells nothing.
    assert not found(flat, [(59_990.0, "r", 16.9), (59_990.0, "g", 20.0)]).covered


def test_a_gap_beside_the_brightest_night_leaves_the_maximum_uncovered_unless_time_is_stretched() -> None:
    sparse = rise_and_fall(step=15)
    assert not found(sparse).covered
    assert found(sparse, redshift=0.5).covered


def test_one_bad_exposure_of_a_night_is_outvoted() -> None:
    wrong: list[Point] = [
        (60_010.0 + 0.01 * number, "o", magnitude, 0.1) for number, magnitude in enumerate([17.3, 14, 17.2])
    ]
    assert found([*rise_and_fall("o"), *wrong]).magnitude == 17.0


def test_faint_detections_and_filters_that_are_not_optical_do_not_count() -> None:
    poor: list[Point] = [(60_000.0, "r", 16.0, 0.3), (60_000.0, "UVW1", 15.0, 0.02), (60_000.0, "J", 15.0, 0.02)]
    assert filter_curves(poor, []) == []
    assert found([*poor, *rise_and_fall()]).magnitude == 17.0


def test_a_filter_that_covers_its_maximum_comes_first_and_then_the_preferred_one() -> None:
    falling = rise_and_fall("r", top=16.0, first=0)
    assert found([*falling, *rise_and_fall("ztfg")]).filter == "ztfg"
    assert found([*rise_and_fall("ztfr"), *rise_and_fall("ztfg", top=16.5)]).filter == "ztfr"
    assert found([*falling, *rise_and_fall("g", top=15.5, first=0)]).band == "g"


def test_what_was_seen_years_before_the_spectrum_is_something_else() -> None:
    earlier: list[Point] = [(58_000.0, "r", 14.0, 0.02)]
    assert found([*earlier, *rise_and_fall()]).magnitude == 14.0
    assert found([*earlier, *rise_and_fall()], around=60_010.0).magnitude == 17.0
    assert maximum(filter_curves(earlier, []), 0.0, 60_010.0) is None


def test_microjanskys_become_ab_magnitudes() -> None:
    points, limits = in_magnitudes([(1.0, "r", 3631.0, 36.31), (2.0, "r", -5.0, 1.0)], [(3.0, "r", 36.31)])
    assert points == [(1.0, "r", pytest.approx(15.0, abs=1e-4), pytest.approx(0.010857, abs=1e-6))]
    assert limits == [(3.0, "r", pytest.approx(20.0, abs=1e-4))]


@pytest.mark.parametrize(
    ("name", "band"), [("ztfr", "r"), ("sdss::g", "g"), ("ATLAS o", "o"), ("R", "r"), ("i'", "i"), ("clear", None)]
)
def test_a_filters_name_tells_its_band(name: str, band: str | None) -> None:
    assert band_of(name) == band


@pytest.mark.parametrize(
    ("mjd", "redshift", "magnitude"),
    [
        (60_000.3, 0.0, 18.0),
        (60_002.0, 0.0, 18.5),
        (60_008.0, 0.0, None),
        (60_008.0, 0.4, 20.0),
        (60_014.4, 0.0, 21.5),
        (60_016.0, 0.0, None),
        (59_999.0, 0.0, None),
    ],
)
def test_a_magnitude_at_a_time_is_interpolated_between_near_nights_alone(
    mjd: float, redshift: float, magnitude: float | None
) -> None:
    points: list[Point] = [(60_000.0, "r", 18.0, 0.05), (60_004.0, "r", 19.0, 0.05), (60_014.0, "r", 21.5, 0.05)]
    (curve,) = filter_curves(points, [])
    found = magnitude_at(curve, mjd, redshift)
    assert (found and found.magnitude) == (magnitude and pytest.approx(magnitude))
