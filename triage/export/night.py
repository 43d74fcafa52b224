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
    def last(cls) -> Self:
        """Return the night that a reader means by default: after midnight UTC the running one, else the one before."""
        return cls((timezone.now() - DAY).astimezone(UTC).date())

    @classmethod
    def last_ended(cls) -> Self:
        """Return the newest night that is over."""
        return cls((timezone.now() - 1.5 * DAY).astimezone(UTC).date())

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the night of a day such as "2026-11-26"; any other text, or a day to come, means the last night."""
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None or not FIRST <= day <= timezone.now().astimezone(UTC).date():
            return cls.last()
        return cls(day)

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
        """Return the day of the next night, or None if that day has not come."""
        following = self.day + DAY
        return following if following <= timezone.now().astimezone(UTC).date() else None

    def __str__(self) -> str:
        return self.day.isoformat()
