"""Numbers as the templates write them."""

from __future__ import annotations

import pytest

from triage.templatetags.triage_tags import redshift, share


@pytest.mark.parametrize(("value", "words"), [(1.0, "100 %"), (0.0, "0 %"), (0.999, "> 99 %"), (0.5, "50 %")])
def test_a_share_is_shown_as_100_percent_only_when_exact(value: float, words: str) -> None:
    assert share(value) == words


def test_a_redshift_is_never_shown_as_minus_zero() -> None:
    assert redshift(-3e-5, 0.001) == "0.0000 ± 0.0010"
