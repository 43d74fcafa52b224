"""Sets of spectral lines that can be drawn in the plot."""

from __future__ import annotations

from classifier.lines import COMMON, ELEMENTS, LINE_SETS, elements_of, line_list
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
