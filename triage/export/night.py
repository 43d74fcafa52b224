"""Nights, each from noon UTC of one day to noon of the next."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from django.utils import timezone
from django.utils.dateparse import parse_date

DAY = timedelta(days=1)
FIRST = date(2000, 1, 1)


@dataclasses.dataclass(frozen=True)
class Night:
    """One night.

    day: the day at whose noon it begins, UTC.
    """

    day: date

    @classmethod
    def running(cls) -> Self:
        """Return the night that runs now."""
        return cls((timezone.now() - DAY / 2).astimezone(UTC).date())

    @classmethod
    def last_ended(cls) -> Self:
        """Return the newest night that is over."""
        return cls(cls.running().before)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the night of a day such as "2026-11-26"; None for any other text, or if it has not begun."""
        try:
            day = parse_date(text)
        except ValueError:
            return None
        return cls(day) if day is not None and FIRST <= day <= cls.running().day else None

    @property
    def start(self) -> datetime:
        return datetime.combine(self.day, time(12), UTC)

    @property
    def end(self) -> datetime:
        return self.start + DAY

    @property
    def before(self) -> date:
        """Return the day of the night before."""
        return self.day - DAY

    @property
    def after(self) -> date | None:
        """Return the day of the next night, or None if this one has not ended."""
        return self.day + DAY if self.is_over else None

    @property
    def is_over(self) -> bool:
        return self.day < Night.running().day

    def __str__(self) -> str:
        return self.day.isoformat()
