"""Numbers as the templates write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from triage.intake.wording import moment_in_words, redshift_in_words
from triage.templatetags.triage_tags import redshift, share


@pytest.mark.parametrize(("value", "words"), [(1.0, "100 %"), (0.0, "0 %"), (0.999, "> 99 %"), (0.5, "50 %")])
def test_a_share_is_shown_as_100_percent_only_when_exact(value: float, words: str) -> None:
    assert share(value) == words


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.0312, 0.0004, "0.0312 ± 0.0004"),
        (0.031234567, 0.000423456, "0.03123 ± 0.00042"),
        (0.0712345678, 0.0123456, "0.071 ± 0.012"),
        (0.0312, None, "0.0312"),
        (0.03, None, "0.03"),
        (0.031872, None, "0.031872"),
        (0.0318724871, None, "0.0319"),
        (0.0000312345, None, "0.00003"),
        (0.0, None, "0"),
    ],
)
def test_a_redshift_has_the_digits_that_its_error_and_its_source_give_it(
    value: float, error: float | None, words: str
) -> None:
    assert redshift(value, error) == words


def test_a_redshift_is_never_shown_as_minus_zero() -> None:
    assert redshift(-3e-5, 0.001) == "0.0000 ± 0.0010"


@pytest.mark.parametrize("error", [0.0, -1.0, float("nan")])
def test_an_error_that_cannot_be_is_not_shown(error: float) -> None:
    assert redshift_in_words(0.0312, error) == "0.0312"


def test_a_date_without_a_time_is_shown_without_one() -> None:
    assert moment_in_words(datetime(2026, 3, 4, tzinfo=UTC)) == "2026-03-04"
    assert moment_in_words(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)) == "2026-03-04 05:06 UTC"
