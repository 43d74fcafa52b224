"""Nights go from noon to noon UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from triage.export.night import Night


@pytest.mark.parametrize(
    ("now", "last", "ended"),
    [
        (datetime(2026, 11, 26, 23, 59, tzinfo=UTC), date(2026, 11, 25), date(2026, 11, 25)),
        (datetime(2026, 11, 27, 0, 1, tzinfo=UTC), date(2026, 11, 26), date(2026, 11, 25)),
        (datetime(2026, 11, 27, 11, 59, tzinfo=UTC), date(2026, 11, 26), date(2026, 11, 25)),
        (datetime(2026, 11, 27, 12, 0, tzinfo=UTC), date(2026, 11, 26), date(2026, 11, 26)),
    ],
)
def test_the_last_night_runs_after_midnight_and_has_ended_after_noon(
    monkeypatch: pytest.MonkeyPatch, now: datetime, last: date, ended: date
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert (Night.last().day, Night.last_ended().day) == (last, ended)
    assert Night.last_ended().end <= now


def test_a_night_is_read_from_its_day_and_anything_else_means_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 27, 13, tzinfo=UTC))
    night = Night.read("2026-11-27")
    assert (night.start, night.end) == (datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 11, 28, 12, tzinfo=UTC))
    assert (night.before, night.after) == (date(2026, 11, 26), None)
    assert Night.read("2026-11-26").after == date(2026, 11, 27)
    for odd in ("", "yesterday", "2026-13-45", "2026-11-28", "9999-12-31", "0001-01-01"):
        assert Night.read(odd) == Night.last()
