"""How the night goes: what came in, what waits, how quickly decisions fall, and how the network fares against them."""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone

from triage.models import Classification, QueueEntry, Spectrum, SpectrumState

SPANS = (("night", "Last 24 hours"), ("week", "7 days"), ("month", "30 days"), ("all", "All"))
DAYS = {"night": 1, "week": 7, "month": 30}
# More vetted classifications than this change no diagram that anybody could tell.
MOST = 20_000


@dataclasses.dataclass(frozen=True)
class Span:
    """What the page is narrowed to. class_name, instrument: exact, of the vetted ones; empty for any. blind: only what
    was vetted without sight of the prediction."""

    since: str = "night"
    class_name: str = ""
    instrument: str = ""
    blind: bool = False

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Self:
        since = query.get("since", "night")
        return cls(
            since if since in dict(SPANS) else "night",
            query.get("class", ""),
            query.get("instrument", ""),
            query.get("blind") == "1",
        )

    @property
    def start(self) -> datetime | None:
        return timezone.now() - timedelta(days=DAYS[self.since]) if self.since in DAYS else None

    @property
    def query(self) -> str:
        given = {"since": self.since, "class": self.class_name, "instrument": self.instrument}
        return "?" + urlencode(
            {key: value for key, value in given.items() if value} | ({"blind": "1"} if self.blind else {})
        )


@dataclasses.dataclass(frozen=True)
class Vetted:
    """One vetted classification beside what the network had said; predicted: "" where it had not. waited: from the
    spectrum's arrival to the decision, None where no spectrum is named."""

    class_name: str
    predicted: str
    probability: float
    instrument: str
    waited: timedelta | None
    blind: bool


@dataclasses.dataclass(frozen=True)
class Share:
    """How often the network said what was vetted, of one class or instrument."""

    name: str
    count: int
    right: int

    @property
    def percent(self) -> str:
        return f"{self.right / self.count:.0%}".replace("%", " %")


def vetted(user: User, span: Span) -> list[Vetted]:
    """The classifications vetted in the span's time that stand before the user, the newest first, at most MOST."""
    rows = Classification.objects.standing_before(user).newest_first()
    if span.start is not None:
        rows = rows.filter(decided_at__gte=span.start)
    columns = (
        "decision__class_name",
        "decision__prediction_seen",
        "decision__spectrum__instrument",
        "decision__spectrum__created_at",
        "decided_at",
        "decision__blind",
    )
    return [_vetted(*row) for row in rows.values_list(*columns)[:MOST]]


def _vetted(
    class_name: str, seen: dict[str, Any], instrument: str | None, arrived: datetime | None, at: datetime, blind: bool
) -> Vetted:
    waited = None if arrived is None else max(at - arrived, timedelta())
    predicted, probability = seen.get("class_name", ""), seen.get("probability", 0.0)
    return Vetted(class_name, predicted, probability, instrument or "unknown", waited, blind)


def narrowed(rows: Sequence[Vetted], span: Span) -> list[Vetted]:
    """Those with a prediction that the span's class, instrument and blindness let through."""
    return [
        row
        for row in rows
        if row.predicted
        and span.class_name in ("", row.class_name)
        and span.instrument in ("", row.instrument)
        and (row.blind or not span.blind)
    ]


def numbers(user: User, span: Span, rows: Sequence[Vetted]) -> dict[str, Any]:
    """arrived, unreadable (of those), classified, failed spectra; waiting, second_opinion, disputed transients; vetted
    ones; the median time from a spectrum's arrival to its decision, None without any. Waiting is of now, the rest of
    the span's time."""
    since = Q() if span.start is None else Q(created_at__gte=span.start)
    done = Q() if span.start is None else Q(processed_at__gte=span.start)
    spectra = Spectrum.objects.visible_to(user).aggregate(
        arrived=Count("pk", filter=since),
        unreadable=Count("pk", filter=since & Q(state=SpectrumState.QUARANTINED)),
        classified=Count("pk", filter=done & Q(state=SpectrumState.CLASSIFIED)),
        failed=Count("pk", filter=done & Q(state=SpectrumState.FAILED)),
        queued=Count("pk", filter=Q(state=SpectrumState.QUEUED)),
    )
    open_rounds = Classification.objects.visible_to(user).aggregate(
        second_opinion=Count("pk", filter=Q(state="second_opinion")), disputed=Count("pk", filter=Q(state="disputed"))
    )
    waits = [row.waited.total_seconds() for row in rows if row.waited is not None]
    return {
        **spectra,
        **open_rounds,
        "waiting": QueueEntry.objects.counted(user).get("pending", 0),
        "vetted": len(rows),
        "median_wait": timedelta(seconds=statistics.median(waits)) if waits else None,
    }


def shares(rows: Sequence[Vetted], of: str) -> list[Share]:
    """The network against the vetted, by ``class_name`` or ``instrument``, the most frequent first."""
    counted: dict[str, Counter[bool]] = defaultdict(Counter)
    for row in rows:
        counted[getattr(row, of)][row.predicted == row.class_name] += 1
    found = [Share(name, right.total(), right[True]) for name, right in counted.items()]
    return sorted(found, key=lambda share: (-share.count, share.name))
