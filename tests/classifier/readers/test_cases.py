"""Small files that earlier versions read wrongly, each with what is right (tests/cases/expected.json)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.readers import Reading, read_spectra

CASES = Path(__file__).parents[2] / "cases"
EXPECTED: dict[str, dict[str, Any]] = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))
OF_THE_DESK = {"atlas_forced.txt", "flux_zp.csv", "names.json"}


def guessed(reading: Reading, what: str) -> Any:
    return next((guess["value"] for guess in reading.receipt["guesses"] if guess["what"] == what), None)


def warned(reading: Reading) -> set[str]:
    return {warning["code"] for warning in reading.receipt["warnings"]}


def told(reading: Reading, what: str) -> Any:
    return reading.receipt["metadata"][what]


def error_of(reading: Reading) -> float | None:
    error = reading.spectrum.flux_error
    return None if error is None else float(np.median(error))


def near(readings: list[Reading], wanted: dict[str, float]) -> bool:
    spectrum = readings[0].spectrum
    flux = float(np.interp(wanted["wavelength"], spectrum.wavelength, spectrum.flux))
    return abs(flux - wanted["value"]) <= wanted["within"]


def dated(readings: list[Reading], wanted: str) -> bool:
    return str(told(readings[0], "observed_at")).startswith(wanted)


def has_warning(readings: list[Reading], wanted: str) -> bool:
    if wanted == "looks_rest_frame":
        return wanted in warned(readings[0])
    return told(readings[0], "observed_at") is None or any(code.startswith("date_") for code in warned(readings[0]))


# What each key of expected.json asks of the readings.
CHECKS: dict[str, Callable[[list[Reading], Any], bool]] = {
    "spectra": lambda readings, wanted: len(readings) == wanted,
    "range": lambda readings, wanted: bool(np.allclose(readings[0].spectrum.wavelength_range, wanted, atol=0.5)),
    "ranges": lambda readings, wanted: all(
        np.allclose(reading.spectrum.wavelength_range, limits, atol=0.5)
        for reading, limits in zip(readings, wanted, strict=True)
    ),
    "object": lambda readings, wanted: told(readings[0], "object") == wanted,
    "objects": lambda readings, wanted: [told(reading, "object") for reading in readings] == wanted,
    "date": dated,
    "date_day": dated,
    "dates": lambda readings, wanted: all(
        dated([reading], date) for reading, date in zip(readings, wanted, strict=True)
    ),
    "redshift": lambda readings, wanted: told(readings[0], "redshift") == wanted,
    "medium": lambda readings, wanted: readings[0].spectrum.medium == wanted,
    "columns": lambda readings, wanted: guessed(readings[0], "columns") == {"wavelength": wanted[0], "flux": wanted[1]},
    "error": lambda readings, wanted: error_of(readings[0]) == wanted,
    "error_median": lambda readings, wanted: error_of(readings[0]) == pytest.approx(wanted, rel=0.01),
    "flux_near": near,
    "warning": has_warning,
    "no_warning": lambda readings, wanted: wanted not in warned(readings[0]),
}


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - OF_THE_DESK))
def test_a_file_of_a_kind_that_was_once_misread_is_read_right(name: str) -> None:
    readings = read_spectra(CASES / name)
    for key, wanted in EXPECTED[name]["right"].items():
        if key != "why":
            assert CHECKS[key](readings, wanted), (key, readings[0].receipt)
