"""Light curves as forced-photometry services and pipelines give them."""

from __future__ import annotations

import time
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


@pytest.mark.parametrize("first", ["(" + " " * 100_000 + ",x", "[" * 100_000, "(" * 100_000, " " * 100_000 + "x"])
def test_a_long_odd_line_before_the_titles_takes_no_long_time(first: str) -> None:
    started = time.process_time()
    read_light_curve(f"{first}\nmjd,filter,mag\n60000,r,18\n60001,r,18.1\n".encode())
    assert time.process_time() - started < 5


@pytest.mark.parametrize("titles", ["mjd (days (UTC)),filter,mag [AB (Vega)]", "MJD [d],Filter,Mag (AB)"])
def test_what_stands_in_brackets_behind_a_title_is_left_out(titles: str) -> None:
    curve = read_light_curve(f"{titles}\n60000,r,18\n60001,r,18.1\n".encode())
    assert [point[1:3] for point in curve.points] == [("r", 18.0), ("r", 18.1)]


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


@pytest.mark.parametrize("missing", [b"nan", b"-999", b"-1e5", b"1e29"])
def test_a_line_whose_zero_point_is_missing_is_skipped(missing: bytes) -> None:
    curve = read_light_curve((CASES / "flux_zp.csv").read_bytes().replace(b"27.5", missing))
    assert (len(curve.points), curve.skipped) == (2, 1)


@pytest.mark.parametrize(
    ("text", "unit", "first"),
    [
        ("mjd,fid,magpsf_corr,sigmapsf_corr\n59288.1,1,18.2,0.1\n", "mag", (59288.1, "ztfg", 18.2, 0.1)),
        (
            "HJD,UT Date,Camera,Limit,mag,mag_err,flux(mJy),flux_err,Filter\n2459288.5,2021-03-15,bi,17,16,.1,1,.1,g\n",
            "mag",
            (59288.0, "g", 16.0, 0.1),
        ),
        (
            "event,time,magnitude,e_magnitude,upperlimit,band\nSN2021abc,59288.1,18.2,0.1,F,g\n",
            "mag",
            (59288.1, "g", 18.2, 0.1),
        ),
        ("MJD [d];Filter;Mag [AB];Error\n59288,1;g;18,2;0,1\n", "mag", (59288.1, "g", 18.2, 0.1)),
        ("MJD,Band,Magnitude,Magnitude Error\n59288.1,g,18.2,0.1\n", "mag", (59288.1, "g", 18.2, 0.1)),
        ("###MJD m dm F\n59288.1 18.2 0.1 o\n", "mag", (59288.1, "o", 18.2, 0.1)),
        ("date,filter,mag,magerr\n2021-03-15T12:00:00,g,18.2,0.1\n", "mag", (59288.5, "g", 18.2, 0.1)),
        ("mjd,band,psfFlux,psfFluxErr\n61000.1,g,36000,100\n", "uJy", (61000.1, "g", 36.0, 0.1)),
        ("mjd,filter,flux (mJy),flux_err\n59288.1,g,0.19,0.01\n", "uJy", (59288.1, "g", 190.0, 10.0)),
        ("@z 0.1\nDate Filter Flux Fluxerr MagSys ZP\n59288.1 desg 100 5 AB 23.9\n", "uJy", (59288.1, "desg", 100, 5)),
    ],
    ids=["ALeRCE", "ASAS-SN", "OAC", "units", "words", "ATLAS", "dates", "Rubin", "mJy", "sncosmo"],
)
def test_tables_of_brokers_and_archives_are_read_as_they_come(
    text: str, unit: str, first: tuple[float, str, float, float]
) -> None:
    curve = read_light_curve(text.encode())
    time, band, value, error = curve.points[0]
    assert (curve.unit, band) == (unit, first[1])
    assert (time, value, error) == pytest.approx((first[0], *first[2:]))


def test_snana_counts_its_fluxes_from_27_5_magnitudes() -> None:
    lines = ["SNID: 2021abc", "VARLIST: MJD BAND FLUXCAL FLUXCALERR", "OBS: 59288.1 g 100 5", "OBS: 59289.1 r 90 5"]
    curve = read_light_curve("\n".join([*lines, "END:"]).encode())
    assert (curve.unit, [point[1] for point in curve.points], curve.skipped) == ("uJy", ["g", "r"], 0)
    assert curve.points[0][2:] == pytest.approx((3.631, 0.1815), rel=1e-3)


@pytest.mark.parametrize("value", ["99", "-99", "999.0", "-999"])
def test_a_number_that_stands_for_a_missing_magnitude_is_none(value: str) -> None:
    curve = read_light_curve(f"mjd,filter,mag,magerr\n59288,g,18.2,0.1\n59289,g,{value},{value}\n".encode())
    assert (len(curve.points), curve.limits, curve.skipped) == (1, [], 1)


def test_a_julian_date_without_its_first_digits_is_refused() -> None:
    with pytest.raises(UnreadableLightCurveError, match="no Julian date"):
        read_light_curve(b"jd,filter,mag\n9288.875,g,18.2\n")


def test_a_column_called_limit_may_say_whether_the_brightness_is_one() -> None:
    curve = read_light_curve(b"mjd,filter,mag,magerr,limit\n59000,r,18,0.1,0\n59001,r,20,,1\n")
    assert (len(curve.points), curve.limits) == (1, [(59001.0, "r", 20.0)])


def test_a_sentence_with_a_date_is_not_taken_for_the_header() -> None:
    curve = read_light_curve(b"# Reduction date 2024-01-01 flux in uJy\n# mjd filter uJy duJy\n59000 r 18 1\n")
    assert curve.points == [(59000.0, "r", 18.0, 1.0)]
