"""The dashboard's numbers: what arrived, what waits, how long decisions take, and how often the network was right."""

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
from triage.models.demonstration import only

SPANS = (("night", "Last 24 hours"), ("week", "7 days"), ("month", "30 days"), ("all", "All"))
DAYS = {"night": 1, "week": 7, "month": 30}
# More vetted classifications than this would not visibly change a diagram.
MOST = 20_000


@dataclasses.dataclass(frozen=True)
class Span:
    """The part of the vetted classifications that the dashboard shows.

    since: key of SPANS.
    class_name: vetted class, or "" for any.
    instrument: instrument of the spectrum, or "" for any.
    blind: only those that were vetted without sight of the prediction.
    simulated: see triage.models.demonstration.
    """

    since: str = "night"
    class_name: str = ""
    instrument: str = ""
    blind: bool = False
    simulated: bool | None = None

    @classmethod
    def read(cls, query: Mapping[str, Any], simulated: bool | None = None) -> Self:
        """Read a span from the parameters of an address; an unknown time means the last 24 hours."""
        since = query.get("since", "night")
        return cls(
            since if since in dict(SPANS) else "night",
            query.get("class", ""),
            query.get("instrument", ""),
            query.get("blind") == "1",
            simulated,
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
    """One vetted classification and what the network had said.

    class_name: vetted class.
    predicted: predicted class that the reviewer saw, or "" if there was no prediction.
    probability: its probability.
    instrument: instrument of the spectrum.
    waited: time from the spectrum's arrival to the decision, or None if the decision names no spectrum.
    blind: whether the prediction was hidden from the reviewer.
    """

    class_name: str
    predicted: str
    probability: float
    instrument: str
    waited: timedelta | None
    blind: bool


@dataclasses.dataclass(frozen=True)
class Share:
    """Share of right answers of the network for one class or instrument.

    name: class or instrument.
    count: number of vetted classifications.
    right: number of those with the predicted class.
    """

    name: str
    count: int
    right: int

    @property
    def percent(self) -> str:
        return f"{self.right / self.count:.0%}".replace("%", " %")


def vetted(user: User, span: Span) -> list[Vetted]:
    """Return the vetted classifications of the span's time that the user may see, the newest first, at most MOST."""
    rows = Classification.objects.standing_before(user).filter(only(span.simulated, "transient__")).newest_first()
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
    """Return the rows with a prediction that have the span's class, instrument and blindness."""
    return [
        row
        for row in rows
        if row.predicted
        and span.class_name in ("", row.class_name)
        and span.instrument in ("", row.instrument)
        and (row.blind or not span.blind)
    ]


def numbers(user: User, span: Span, rows: Sequence[Vetted]) -> dict[str, Any]:
    """Return the dashboard's numbers.

    Spectra of the span's time: arrived, unreadable (among the arrived), classified and failed.
    Spectra now: queued (in the backlog).
    Transients now: waiting, second_opinion, disputed, and automatic (classified by a policy).
    Transients of the span's time: vetted.
    median_wait: median time from a spectrum's arrival to its decision, or None if nothing was vetted.

    rows: the vetted classifications of the span, from ``vetted``.
    """
    since = Q() if span.start is None else Q(created_at__gte=span.start)
    done = Q() if span.start is None else Q(processed_at__gte=span.start)
    spectra = Spectrum.objects.visible_to(user).filter(only(span.simulated)).order_by()
    # All states are named, because the index of arrivals begins with the state.
    arrived = spectra.filter(since, state__in=SpectrumState.values).aggregate(
        arrived=Count("pk"), unreadable=Count("pk", filter=Q(state=SpectrumState.QUARANTINED))
    )
    processed = spectra.filter(done, state__in=(SpectrumState.CLASSIFIED, SpectrumState.FAILED)).aggregate(
        classified=Count("pk", filter=Q(state=SpectrumState.CLASSIFIED)),
        failed=Count("pk", filter=Q(state=SpectrumState.FAILED)),
    )
    of_transient = only(span.simulated, "transient__")
    open_rounds = (
        Classification.objects.visible_to(user)
        .filter(of_transient)
        .aggregate(
            second_opinion=Count("pk", filter=Q(state="second_opinion")),
            disputed=Count("pk", filter=Q(state="disputed")),
        )
    )
    waits = [row.waited.total_seconds() for row in rows if row.waited is not None]
    counted = QueueEntry.objects.filter(of_transient).counted(user)
    return {
        **arrived,
        **processed,
        "queued": spectra.filter(state=SpectrumState.QUEUED).count(),
        **open_rounds,
        "waiting": counted.get("pending", 0),
        "automatic": counted.get("automatic", 0),
        "vetted": len(rows),
        "median_wait": timedelta(seconds=statistics.median(waits)) if waits else None,
    }


def shares(rows: Sequence[Vetted], of: str) -> list[Share]:
    """Return how often the network was right, the most frequent first.

    of: "class_name" or "instrument", the field that rows are counted by.
    """
    counted: dict[str, Counter[bool]] = defaultdict(Counter)
    for row in rows:
        counted[getattr(row, of)][row.predicted == row.class_name] += 1
    found = [Share(name, right.total(), right[True]) for name, right in counted.items()]
    return sorted(found, key=lambda share: (-share.count, share.name))
