"""Panels and filters of a light curve."""

from __future__ import annotations

from bokeh.models import Title

from triage.figures import light_curve
from triage.figures.light_curve import blue_to_red
from triage.models import Photometry


def test_filters_are_sorted_from_blue_to_red_with_unknown_ones_last() -> None:
    names = ["z", "i", "clear", "ztfr", "ATLAS-o", "g", "r", "UVW2", "sdss::u'", "g"]
    assert blue_to_red(names) == ["UVW2", "sdss::u'", "g", "r", "ztfr", "ATLAS-o", "i", "z", "clear"]


def test_light_curves_with_different_or_unknown_units_share_no_axis() -> None:
    def row(number: int, unit: str, points: list[object], limits: list[object]) -> Photometry:
        return Photometry(pk=number, filename=f"{number}.csv", unit=unit, points=points, limits=limits)

    rows = [
        row(1, "flux", [[60000.0, "r", 5.0, None]], []),
        row(2, "mag", [[60000.0, "r", 18.0, 0.1]], []),
        row(3, "uJy", [], [[60000.0, "r", 9.0]]),
        row(4, "flux", [[60000.0, "r", 700.0, None]], []),
        row(5, "mag", [[60001.0, "g", 18.0, 0.1]], [[60002.0, "g", 20.0]]),
    ]
    found = light_curve.panels(rows)
    assert [(panel.label, panel.values) for panel in found] == [
        ("Magnitude", [18.0, 18.0, 20.0]),
        ("Flux (µJy)", [9.0]),
        ("Flux of 1.csv, unit not given", [5.0]),
        ("Flux of 4.csv, unit not given", [700.0]),
    ]


def test_the_axis_of_a_light_curve_is_not_stretched_by_points_with_large_errors() -> None:
    def axis(unit: str, points: list[object]) -> tuple[float, float]:
        (panel,) = light_curve.panels([Photometry(pk=1, filename="1.csv", unit=unit, points=points, limits=[])])
        drawn = light_curve.light_curve_figure(panel, [], "light", ["o"])
        words = [title.text for title in drawn.above if isinstance(title, Title)]
        assert words == ["1 point with large errors outside of the axis"]
        return drawn.y_range.start, drawn.y_range.end

    # A bright detection with a large error counts; forced photometry through clouds does not.
    fluxes = [[60000.0 + day, "o", flux, 20.0] for day, flux in enumerate([5.0, -12.0, 300.0, 420.0, 280.0, 90.0])]
    low, high = axis("uJy", [*fluxes, [60007.0, "o", 900.0, 100.0], [60008.0, "o", -9000.0, 4000.0]])
    assert -300 < low < -12
    assert 900 < high < 1200
    magnitudes = [[60000.0 + day, "o", 18.0 + day / 10, 0.05] for day in range(6)]
    low, high = axis("mag", [*magnitudes, [60007.0, "o", 19.0, 0.3], [60008.0, "o", 12.0, 1.5]])
    assert 19.0 < low < 19.5
    assert 17.5 < high < 18.0


def test_a_page_draws_the_filters_with_the_most_points_and_says_how_many_it_leaves_out() -> None:
    points = [[60000.0 + number, f"field {number}", 18.0, 0.1] for number in range(500)]
    points += [[60000.0 + day, "r", 18.0, 0.1] for day in range(3)]
    rows = [Photometry(pk=1, filename="1.csv", unit="mag", points=points, limits=[])]
    rows.append(Photometry(pk=2, filename="2.csv", unit="flux", points=[], limits=points))
    first, second = light_curve.panels(rows)
    assert "r" in first.filters
    assert "r" in second.filters
    assert len(set(first.filters)) + len(set(second.filters)) == light_curve.MOST_FILTERS
    assert (first.left_out, second.left_out) == (2 * 501 - light_curve.MOST_FILTERS, 0)
    drawn = light_curve.light_curve_figure(first, [], "light", blue_to_red(first.filters))
    assert [title.text for title in drawn.above if isinstance(title, Title)] == [
        "962 filters with fewer points not drawn"
    ]
