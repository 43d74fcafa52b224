"""Light curves as forced-photometry services and pipelines give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from triage.errors import UnreadableLightCurveError
from triage.intake.light_curve_table import read_light_curve

CASES = Path(__file__).parents[1] / "cases"
ZTF = b"""# Queried from IPAC for object ZTF21aaaaaaa
# Order of the columns as below
index, field, filter, zpmaginpsci, diffmaglim, zpdiff, jd, forcediffimflux, forcediffimfluxunc, procstatus
 0 500 ZTF_g 26.1 20.5 26.1 2459288.875 250.0 5.0 0
 1 500 ZTF_r 26.1 20.4 25.6 2459289.875 250.0 5.0 0
 2 500 ZTF_r null null null 2459290.875 null null 56
"""


def test_forced_photometry_of_atlas_is_read_as_it_comes() -> None:
    curve = read_light_curve((CASES / "atlas_forced.txt").read_bytes())
    assert curve.unit == "uJy"
    assert [point[1:] for point in curve.points] == [("o", 417.0, 37.0), ("c", 437.0, 37.0)]


def test_forced_photometry_of_ztf_is_read_as_it_comes() -> None:
    curve = read_light_curve(ZTF)
    assert (curve.unit, curve.skipped) == ("uJy", 1)
    assert [point[1] for point in curve.points] == ["ZTF_g", "ZTF_r"]
    # 1 µJy has an AB magnitude of 23.9.
    assert [point[2] for point in curve.points] == pytest.approx([250 * 10**-0.88, 250 * 10**-0.68])


def test_a_zero_point_counts_in_its_own_line() -> None:
    curve = read_light_curve((CASES / "flux_zp.csv").read_bytes())
    assert curve.unit == "uJy"
    assert [point[2] for point in curve.points] == pytest.approx([36.3, 3.63, 100.0], rel=1e-3)
    assert [point[3] for point in curve.points] == pytest.approx([1.815, 0.1815, 5.0], rel=1e-3)


def test_zero_points_of_another_system_are_refused() -> None:
    with pytest.raises(UnreadableLightCurveError, match="AB"):
        read_light_curve((CASES / "flux_zp.csv").read_bytes().replace(b",ab", b",vega"))


def test_a_line_whose_zero_point_is_missing_is_skipped() -> None:
    curve = read_light_curve((CASES / "flux_zp.csv").read_bytes().replace(b"27.5", b"nan"))
    assert (len(curve.points), curve.skipped) == (2, 1)
