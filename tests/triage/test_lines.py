"""Line sets of the plot."""

from __future__ import annotations

import pytest

from triage.lines import ELEMENTS, chosen_lines


def test_the_balmer_lines_are_one_set() -> None:
    assert [name for _, name in chosen_lines(["H"], 0)] == ["Hδ", "Hγ", "Hβ", "Hα"]
    assert "Hα" not in ELEMENTS


def test_lines_of_ejecta_that_come_towards_us_are_blueshifted() -> None:
    at = {name: wavelength for wavelength, name in chosen_lines(["Si II"], 11_000)}["Si II"]
    assert at == pytest.approx(6126, abs=2)


def test_no_velocity_is_as_fast_as_light() -> None:
    assert chosen_lines(ELEMENTS, 1e9) == chosen_lines(ELEMENTS, 60_000)
    assert chosen_lines([], 0) == []
