"""Panels and filters of a light curve."""

from __future__ import annotations

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
