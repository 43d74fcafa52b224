"""Nights go from noon to noon UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from triage.export.night import Night


@pytest.mark.parametrize(
    ("now", "running"),
    [
        (datetime(2026, 11, 26, 23, 59, tzinfo=UTC), date(2026, 11, 26)),
        (datetime(2026, 11, 27, 0, 1, tzinfo=UTC), date(2026, 11, 26)),
        (datetime(2026, 11, 27, 11, 59, tzinfo=UTC), date(2026, 11, 26)),
        (datetime(2026, 11, 27, 12, 0, tzinfo=UTC), date(2026, 11, 27)),
    ],
)
def test_a_night_runs_until_noon_and_the_one_before_has_ended(
    monkeypatch: pytest.MonkeyPatch, now: datetime, running: date
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert Night.running() == Night(running)
    assert Night.running().start <= now < Night.running().end
    assert Night.last_ended() == Night(Night.running().before)
    assert (Night.running().is_over, Night.last_ended().is_over) == (False, True)


def test_a_night_is_read_from_its_day_and_none_from_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 27, 13, tzinfo=UTC))
    night = Night.read("2026-11-27")
    assert night is not None
    assert (night.start, night.end) == (datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 11, 28, 12, tzinfo=UTC))
    assert (night.before, night.after) == (date(2026, 11, 26), None)
    assert Night(night.before).after == date(2026, 11, 27)
    for odd in ("", "yesterday", "2026-13-45", "2026-11-28", "9999-12-31", "0001-01-01"):
        assert Night.read(odd) is None


def test_a_night_that_has_not_begun_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 27, 11, tzinfo=UTC))
    assert Night.read("2026-11-27") is None
    assert Night(date(2026, 11, 26)).after is None
