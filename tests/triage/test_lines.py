"""Line sets of the plot."""

from __future__ import annotations

from triage.lines import ELEMENTS, line_list


def test_the_balmer_lines_are_one_set() -> None:
    assert [name for _, name, element in line_list() if element == "H"] == ["Hδ", "Hγ", "Hβ", "Hα"]
    assert "Hα" not in ELEMENTS


def test_every_line_belongs_to_a_set_that_can_be_chosen() -> None:
    assert {element for _, _, element in line_list()} == set(ELEMENTS)
    assert [at for at, _, _ in line_list()] == sorted(at for at, _, _ in line_list())
