"""Codes are shown as words from one table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triage.intake.wording import WORDS, in_words, value_in_words

READERS = Path(__file__).resolve().parents[2] / "classifier" / "readers"


@pytest.mark.parametrize("pattern", [r'SpectrumError\(\s*"([a-z_]+)"', r'\.warn\(\s*"([a-z_]+)"'])
def test_every_code_of_the_readers_has_a_wording(pattern: str) -> None:
    codes = {code for file in READERS.glob("*.py") for code in re.findall(pattern, file.read_text())}
    assert len(codes) > 5
    assert codes - set(WORDS) == set()


@pytest.mark.parametrize(
    ("code", "said"), [("flam", "F_λ"), ("type_host", "type host"), ("SEDM_2", "SEDM_2"), (0, "0"), ("a b_c", "a b_c")]
)
def test_an_unknown_code_is_shown_with_spaces_and_other_text_unchanged(code: object, said: str) -> None:
    assert in_words(code) == said


@pytest.mark.parametrize(("value", "said"), [("flam", "F_λ"), ("wave_air", "wave_air"), ("object_of_1", "object_of_1")])
def test_only_values_in_the_table_are_reworded(value: str, said: str) -> None:
    assert value_in_words(value) == said
