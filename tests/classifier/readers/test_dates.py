"""Dates of observation in every form that a header was seen to write them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from classifier.readers import Reading, read_spectrum
from classifier.readers.dates import parse_clock, parse_date

WAVELENGTH = np.arange(3800.0, 9200.0, 10.0)


def text(*header: str) -> bytes:
    flux = 1e-16 * (2 + np.sin(WAVELENGTH / 300))
    rows = [f"{w:.2f} {f:.5e}" for w, f in zip(WAVELENGTH, flux, strict=True)]
    return "\n".join([*(f"# {line}" for line in header), *rows]).encode()


def codes(reading: Reading) -> set[str]:
    return {warning["code"] for warning in reading.receipt["warnings"]}


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("2021-03-15T09:00:00", "2021-03-15T09:00:00"),
        ("2021-03-15 09:00:00.5", "2021-03-15T09:00:00.500000"),
        ("2021-03-15T09:00:00Z", "2021-03-15T09:00:00"),
        ("2021-03-15T09:00:00 UTC", "2021-03-15T09:00:00"),
        ("2021-03-15 09:00 (UT)", "2021-03-15T09:00:00"),
        ("2021-03-15T11:00:00+02:00", "2021-03-15T09:00:00"),
        ("2021-03-15T09h00m00s", "2021-03-15T09:00:00"),
        ("2021:03:15", "2021-03-15T00:00:00"),
        ("2021/03/15", "2021-03-15T00:00:00"),
        ("2021.03.15", "2021-03-15T00:00:00"),
        ("2021 03 15 09:00:00", "2021-03-15T09:00:00"),
        ("2021-3-5", "2021-03-05T00:00:00"),
        ("20210315", "2021-03-15T00:00:00"),
        ("20210315T090000", "2021-03-15T09:00:00"),
        ("2021-03-15.375", "2021-03-15T09:00:00"),
        ("2021 Mar 15.375", "2021-03-15T09:00:00"),
        ("2021-Mar-15", "2021-03-15T00:00:00"),
        ("15 March 2021", "2021-03-15T00:00:00"),
        ("15-Mar-2021 09:00:00", "2021-03-15T09:00:00"),
        ("15.375 Mar 2021", "2021-03-15T09:00:00"),
        ("Mar 15, 2021", "2021-03-15T00:00:00"),
        ("15/03/2021", "2021-03-15T00:00:00"),
        ("03/15/2021", "2021-03-15T00:00:00"),
        ("15.03.2021", "2021-03-15T00:00:00"),
        ("31/12/99", "1999-12-31T00:00:00"),
        ("15/03/21", "2021-03-15T00:00:00"),
    ],
)
def test_a_date_is_understood(written: str, right: str) -> None:
    found = parse_date(written)
    assert found is not None
    assert found.at.isoformat().removesuffix("+00:00") == right
    assert not found.ambiguous


@pytest.mark.parametrize(
    "written", ["", "unknown", "12345", "2021-13-45", "2021-02-30", "15/03", "12.5", "2021-03-15T99:00"]
)
def test_what_is_no_date_is_none(written: str) -> None:
    assert parse_date(written) is None


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("09:00:00", 9),
        ("9h30m", 9.5),
        ("08.5", 8.5),
        ("32400.0", 9),
        ("24:00:00", 24),
        ("2021-03-15T09:00:00", 9),
        ("090000", 9),
    ],
)
def test_a_time_of_day_is_understood(written: str, hours: float) -> None:
    assert parse_clock(written) == timedelta(hours=hours)


@pytest.mark.parametrize("written", ["", "25:00:00", "09:61", "99999.0", "noon"])
def test_what_is_no_time_of_day_is_none(written: str) -> None:
    assert parse_clock(written) is None


@pytest.mark.parametrize(
    "header",
    [
        ("UT-DATE: 2021-03-15", "UT: 09:00:00"),
        ("UTDATE = 2021:03:15", "UTSTART = 09:00:00"),
        ("DATE_OBS = '2021-03-15'", "UTC = 32400.0"),
        ("date obs: 2021 Mar 15", "time-obs: 9.0"),
        ("UTMJD = 59288.375",),
        ("JD: 2459288.875",),
        ("DATE-OBS: 03/04/2021", "MJD: 59288.375"),
        ("OBS-DATE: 2021-03-15", "MJD-OBS: 59288.375"),
        ("Observed: 2021-03-15 09:00:00 UT",),
        ("Obs date (UT): 2021/03/15 09h00m00s",),
        ("obsdate 2021-03-15.375",),
        ("OBSMJD 59288.375",),
        ("date 2021-03-15T09:00:00",),
        ("MJD: 2459288.875",),
    ],
)
def test_date_and_time_are_found_under_the_keys_of_pipelines(header: tuple[str, ...]) -> None:
    observed = read_spectrum(text(*header), "spec.txt").receipt["metadata"]["observed_at"]
    assert observed == "2021-03-15T09:00:00Z"


@pytest.mark.parametrize(("header", "name"), [("JD: 2459288.8", "spec.txt"), ("", "spec_2459288.8.txt")])
def test_a_julian_date_is_read_to_the_nearest_second(header: str, name: str) -> None:
    assert read_spectrum(text(header), name).receipt["metadata"]["observed_at"] == "2021-03-15T07:12:00Z"


def test_a_date_whose_day_and_month_may_be_swapped_is_a_guess() -> None:
    reading = read_spectrum(text("DATE-OBS: 03/04/2021"), "spec.txt")
    guess = next(guess for guess in reading.receipt["guesses"] if guess["what"] == "observed_at")
    assert reading.receipt["metadata"]["observed_at"] == guess["value"] == "2021-04-03T00:00:00Z"
    assert guess["confidence"] < 0.7


@pytest.mark.parametrize("written", ["2021-02-30", "2021-13-01T09:00:00", "20211399"])
def test_a_date_that_no_calendar_has_is_left_out_with_a_warning(written: str) -> None:
    reading = read_spectrum(text(f"DATE-OBS: {written}"), "spec.txt")
    assert reading.receipt["metadata"]["observed_at"] is None
    assert "date_unreadable" in codes(reading)


@pytest.mark.parametrize("header", ["JD: 59288.375", "RJD: 59288.875"])
def test_days_whose_zero_is_not_known_are_no_date(header: str) -> None:
    assert read_spectrum(text(header), "spec.txt").receipt["metadata"]["observed_at"] is None


@pytest.mark.parametrize("header", ["DATE-OBS: 2061-02-03T04:05:06", "MJD: 77000.5"])
def test_a_date_that_has_not_come_yet_is_not_used(header: str) -> None:
    reading = read_spectrum(text(header), "spec.txt")
    assert reading.receipt["metadata"]["observed_at"] is None
    assert "date_future" in codes(reading)


def test_a_date_in_the_name_of_a_file_that_has_not_come_yet_is_not_used() -> None:
    assert read_spectrum(text(), "spec_20610203.txt").receipt["metadata"]["observed_at"] is None
