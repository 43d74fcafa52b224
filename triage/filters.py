"""What a reviewer narrowed the queue to: read from an address, written back to it, kept from page to page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q
from django.http import QueryDict
from django.utils.dateparse import parse_date

from triage import queue
from triage.models import Claim, Decision, QueueEntry, Spectrum, SpectrumState, Transient
from triage.querysets import TransientQuerySet

STATES = (
    ("pending", "Pending"),
    ("in_review", "In review"),
    ("second_opinion", "Second opinion"),
    ("disputed", "Disputed"),
    ("unsure", "Unsure"),
    ("done", "Done"),
    ("processing", "Processing"),
    ("bad", "Bad spectra"),
    ("failed", "In quarantine"),
    ("all", "All"),
)
PUBLIC = "public"
# A verdict takes a transient out of these; a walk through the others ends at their end.
EMPTYING = ("pending", "in_review", "second_opinion", "disputed", "unsure")
# Those of which a decision stands that the ledger calls the same.
STANDING = ("second_opinion", "disputed", "unsure", "done")
# As addresses that somebody kept may still have it.
OLD_NAMES = {"vetted": "done"}
# The part of an address that each field has.
PARAMETERS = {"state": "state", "class_name": "class", "after": "from", "before": "to"}


@dataclasses.dataclass(frozen=True)
class QueueFilter:
    """state: a key of STATES. class_name: vetted, else predicted. q: part of a name, of any that the user knows.
    group: a group's name or PUBLIC. instrument: part of its name. after, before: days, 2026-11-23, on which a spectrum
    arrived, both included. above, below: bounds of the prediction's probability in percent. mine: "1", what the user
    uploaded, holds or has decided on. The empty string stands for any."""

    state: str = "pending"
    class_name: str = ""
    q: str = ""
    group: str = ""
    instrument: str = ""
    after: str = ""
    before: str = ""
    above: str = ""
    below: str = ""
    mine: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Self:
        """From a query; what it does not know it takes for the default."""
        names = [field.name for field in dataclasses.fields(cls) if field.name != "state"]
        given = {name: str(query.get(PARAMETERS.get(name, name), "")).strip() for name in names}
        for name in ("after", "before"):
            given[name] = given[name] if _day(given[name]) else ""
        for name in ("above", "below"):
            given[name] = given[name] if _percent(given[name]) is not None else ""
        given["mine"] = "1" if given["mine"] == "1" else ""
        state = query.get("state", "pending")
        state = OLD_NAMES.get(state, state)
        return cls(state if state in dict(STATES) else "pending", **given)

    @classmethod
    def of_address(cls, address: str) -> Self:
        """From the query of a whole address."""
        return cls.read(QueryDict(urlsplit(address).query))

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What is narrowed, as parameters of an address."""
        given = [(PARAMETERS.get(name, name), value) for name, value in dataclasses.asdict(self).items() if value]
        return [item for item in given if item != ("state", "pending")]

    @property
    def query(self) -> str:
        """``?state=…&class=…``, the empty string where nothing is narrowed."""
        encoded = urlencode(self.fields)
        return f"?{encoded}" if encoded else ""

    @property
    def words(self) -> str:
        """What it is narrowed to, for people; the empty string where it is not."""
        parts = [dict(STATES)[self.state].lower()] if self.state != "pending" else []
        parts += [self.class_name, f"“{self.q}”" if self.q else "", self.group, self.instrument]
        parts += [f"from {self.after}" if self.after else "", f"to {self.before}" if self.before else ""]
        parts += [f"≥ {self.above} %" if self.above else "", f"< {self.below} %" if self.below else ""]
        parts += ["mine"] if self.mine else []
        return ", ".join(part for part in parts if part)

    @property
    def narrowed(self) -> bool:
        """Whether anything beside the state is."""
        return self != QueueFilter(state=self.state)

    @property
    def more(self) -> bool:
        """Whether anything is that the page keeps folded away."""
        return bool(self.instrument or self.after or self.before or self.above or self.below)

    def rows(self, user: User) -> TransientQuerySet:
        """The transients in it that the user may see, in order."""
        rows = queue.triage_order(user) if self.state == "pending" else _by_state(user, self.state)
        if self.class_name and self.state == "pending":
            rows = rows.filter(predicted_class=self.class_name)
        elif self.class_name:
            rows = rows.of_class(user, self.class_name)
        if self.q:
            rows = rows.with_part_of_name(user, self.q)
        rows = self._by_confidence(self._by_spectrum(rows, user))
        if self.class_name or self.above or self.below:
            # Else the filter would tell what is hidden.
            rows = rows.filter(hidden=False)
        return rows.filter(_is_of(user)) if self.mine else rows

    def _by_spectrum(self, rows: TransientQuerySet, user: User) -> TransientQuerySet:
        """One and the same spectrum that the user may see meets all of group, instrument and dates."""
        if not (self.group or self.instrument or self.after or self.before):
            return rows
        spectra = Spectrum.objects.visible_to(user)
        if self.group:
            own = Q(group__isnull=True) if self.group == PUBLIC else Q(group__name=self.group)
            spectra = spectra.filter(own)
        if self.instrument:
            spectra = spectra.filter(instrument__icontains=self.instrument)
        if first := _day(self.after):
            spectra = spectra.filter(created_at__gte=first)
        if last := _day(self.before):
            spectra = spectra.filter(created_at__lt=last + timedelta(days=1))
        return rows.filter(pk__in=spectra.values("transient"))

    def _by_confidence(self, rows: TransientQuerySet) -> TransientQuerySet:
        above, below = _percent(self.above), _percent(self.below)
        if above is not None:
            rows = rows.filter(uncertainty__lte=1 - above)
        return rows if below is None else rows.filter(uncertainty__gt=1 - below)

    def neighbours(self, user: User, transient: Any) -> tuple[Transient | None, Transient | None]:
        """The transients before and after this one; one that is not in it has those around its place. What others
        are looking at is passed over, and of second opinions those that the user has given."""
        rows = self.rows(user).exclude(pk=transient.pk)
        if self.state != "in_review":
            rows = rows.not_claimed_by_others(user)
        if self.state == "second_opinion":
            rows = rows.filter(hidden=True)
        if self.state == "pending":
            return queue.neighbours(rows, transient)
        age, number = transient.created_at, transient.pk
        earlier = rows.filter(Q(arrived_at__gt=age) | Q(id__gt=number), arrived_at__gte=age)
        later = rows.filter(Q(arrived_at__lt=age) | Q(id__lt=number), arrived_at__lte=age)
        return earlier.order_by("arrived_at", "id").first(), later.first()

    def following(self, user: User, transient: Any) -> Transient | None:
        """Where to go after a verdict on this one: the next, else from the start, else None."""
        earlier, later = self.neighbours(user, transient)
        if later is None and self.state in EMPTYING and earlier is not None:
            rows = self.rows(user).exclude(pk=transient.pk).not_claimed_by_others(user)
            rows = rows.filter(hidden=True) if self.state == "second_opinion" else rows
            first: Transient | None = rows.first()
            return first
        return later


def counts(user: User) -> dict[str, int]:
    """How many transients wait, are looked at, want a second opinion, are disputed, unsure, done, have only bad spectra
    or one that failed; how many spectra are being processed."""
    states = QueueEntry.objects.counted(user)
    waiting = Transient.objects.awaiting_review(user).order_by()
    found = {
        "pending": states.get("pending", 0),
        "in_review": waiting.filter(pk__in=Claim.objects.live().values("transient")).count(),
        "bad": states.get("bad", 0),
        **{name: states.get(name, 0) for name in STANDING},
    }
    spectra = Spectrum.objects.visible_to(user).order_by()
    failed = spectra.filter(state=SpectrumState.FAILED).values("transient").distinct().count()
    return found | {"processing": spectra.filter(state=SpectrumState.QUEUED).count(), "failed": failed}


def _by_state(user: User, state: str) -> TransientQuerySet:
    """The newest first, by arrived_at."""
    rows: TransientQuerySet = Transient.objects.for_review(user)
    if state in STANDING:
        rows = rows.standing_as(user, state)
    elif state == "bad":
        rows = rows.all_bad(user)
    elif state == "in_review":
        claimed = Claim.objects.live().values("transient")
        rows = Transient.objects.awaiting_review(user).filter(pk__in=claimed)
    else:
        rows = rows.annotate(arrived_at=F("created_at"))
    if state in ("processing", "failed"):
        wanted = SpectrumState.QUEUED if state == "processing" else SpectrumState.FAILED
        spectra = Spectrum.objects.visible_to(user).filter(state=wanted)
        rows = rows.filter(pk__in=spectra.values("transient"))
    return rows.order_by("-arrived_at", "-id")


def _is_of(user: User) -> Q:
    here = {"transient": OuterRef("pk")}
    decided = Exists(Decision.objects.filter(**here, reviewer=user))
    held = Exists(Claim.objects.filter(**here, reviewer=user).live())
    return Q(decided) | Q(held) | Q(Exists(Spectrum.objects.filter(**here, uploaded_by=user)))


def _day(text: str) -> datetime | None:
    """Midnight UTC, at which it begins."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day and day.year < 9999 else None


def _percent(text: str) -> float | None:
    """As a share; None for what is no percentage."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value / 100 if math.isfinite(value) and 0 <= value <= 100 else None
