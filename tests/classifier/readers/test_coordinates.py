"""Coordinates are read and written in degrees and in sexagesimal units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.readers import read_spectrum
from classifier.readers.coordinates import read_degrees, read_pair, sexagesimal
from tests.spectrum_files import FLUX, image


def test_coordinates_are_written_with_the_digits_that_the_tns_takes() -> None:
    assert sexagesimal(187.5, -1.0) == ("12:30:00.000", "-01:00:00.00")
    assert sexagesimal(0.000123456789, 0.5) == ("00:00:00.030", "+00:30:00.00")


@given(ra=st.floats(0, 359.999), dec=st.floats(-89.999, 89.999))
def test_what_is_written_is_read_again(ra: float, dec: float) -> None:
    hours, degrees = sexagesimal(ra, dec)
    assert read_degrees(hours, 15) == pytest.approx(ra, abs=1e-5)
    assert read_degrees(degrees, 1) == pytest.approx(dec, abs=2e-6)


@pytest.mark.parametrize(
    ("cards", "right"),
    [
        ({"EQUINOX": 2000.0}, (187.5, -12.5)),
        ({}, (187.5, -12.5)),
        ({"EQUINOX": 1950.0}, (188.1491, -12.7758)),
        ({"EQUINOX": "B1950"}, (188.1491, -12.7758)),
        ({"EPOCH": 1950.0}, (188.1491, -12.7758)),
        ({"RADECSYS": "FK4"}, (188.1491, -12.7758)),
        ({"EQUINOX": 2023.3}, (187.198, -12.3713)),
        ({"EPOCH": 2023.3}, (187.5, -12.5)),
    ],
)
def test_coordinates_of_another_equinox_are_precessed(cards: dict[str, object], right: tuple[float, float]) -> None:
    step = {"CRVAL1": 3800.0, "CDELT1": 5400 / (FLUX.size - 1), "CRPIX1": 1}
    reading = read_spectrum(image(FLUX, RA="12:30:00", DEC="-12:30:00", **step, **cards))
    told = reading.receipt["metadata"]
    assert (told["ra"], told["dec"]) == pytest.approx(right, abs=2e-3)
    assert (right == (187.5, -12.5)) is not any(guess["what"] == "coordinates" for guess in reading.receipt["guesses"])


def test_degrees_have_no_digits_that_nobody_gave() -> None:
    assert read_degrees("-29:58:48", 1) == -29.98
    assert read_degrees("13:52:43.8", 15) == 208.1825


@pytest.mark.parametrize(
    "text",
    [
        "16:00:01 -01:02:03",
        "16:00:01,-01:02:03",
        "16 00 01 -01 02 03",
        "16h00m01s -01d02m03s",
        "16h00m01.0s, -01d02m03.0s",
        "16h 00m 01s -01d 02m 03s",
        "16h00m01s-01d02m03s",
        "16:00:01-01:02:03",
        "16h00m01s −1°02′03″",
        "240d00m15s -01d02m03s",
        "240.0041667 -1.0341667",
        "240.0041667-1.0341667",
    ],
)
def test_a_place_is_read_in_the_ways_that_astronomers_write_it(text: str) -> None:
    assert read_pair(text) == pytest.approx((240.0041667, -1.0341667), abs=1e-6)


@pytest.mark.parametrize("text", ["16h00m01s", "SN2026abc", "16h61m01s -01d02m03s", "2026-11-05", "", "16h -1d"])
def test_other_texts_are_no_place(text: str) -> None:
    assert read_pair(text) is None
