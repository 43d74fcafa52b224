"""Sets of spectral lines that can be drawn in the plot."""

from __future__ import annotations

import pytest

from classifier.lines import COMMON, ELEMENTS, LINE_SETS, elements_of, in_vacuum, line_list, velocity
from classifier.taxonomy import load_taxonomy


def test_the_balmer_lines_are_one_set() -> None:
    assert [name for _, name, element in line_list() if element == "H"] == ["Hδ", "Hγ", "Hβ", "Hα"]
    assert "Hα" not in ELEMENTS


def test_every_line_belongs_to_a_set_that_can_be_chosen() -> None:
    assert {element for _, _, element in line_list()} == set(ELEMENTS)
    assert [at for at, _, _ in line_list()] == sorted(at for at, _, _ in line_list())


def test_each_class_marks_some_of_the_listed_lines_and_not_all() -> None:
    for entry in load_taxonomy().classes:
        assert 0 < len(elements_of(entry.name)) < len(ELEMENTS)
        assert set(elements_of(entry.name)) <= set(ELEMENTS)
    assert "Si II" in elements_of("SN Ia")
    assert "H" not in elements_of("SN Ia")


def test_every_set_names_known_elements() -> None:
    assert all(set(elements) <= set(ELEMENTS) for elements in LINE_SETS.values())


def test_the_nebular_set_has_forbidden_lines_and_none_of_the_early_spectrum() -> None:
    assert {"[O I]", "Mg I]", "[Ca II]", "Na I", "[Fe III]"} <= set(LINE_SETS["nebular"])
    assert {"Si II", "Fe III", "He I"}.isdisjoint(LINE_SETS["nebular"])


def test_an_unknown_class_marks_the_common_lines() -> None:
    assert elements_of(None) == elements_of("no such class") == COMMON


def test_lines_lie_at_longer_wavelengths_in_vacuum() -> None:
    # NIST: H alpha lies at 6562.79 Å in air and at 6564.6 Å in vacuum.
    assert in_vacuum(6562.8) == pytest.approx(6564.61, abs=0.02)
    assert velocity(6564.61, 6562.8, 0.0, vacuum=True) == pytest.approx(0, abs=1)
    assert velocity(6564.61, 6562.8, 0.0) == pytest.approx(83, abs=1)


def test_a_velocity_is_relativistic_and_counts_from_the_redshift() -> None:
    assert velocity(6355 * 1.1, 6355, 0.1) == pytest.approx(0, abs=1e-6)
    assert velocity(6355 * 0.9, 6355, 0.0) == pytest.approx(-31_468, abs=50)
