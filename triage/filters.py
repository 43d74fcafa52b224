"""What a reviewer narrowed the queue to: read from an address, written back to it, kept from page to page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import QueryDict

from triage import queue
from triage.models import Spectrum, SpectrumState, Transient
from triage.querysets import TransientQuerySet

STATES = (
    ("pending", "Pending"),
    ("unsure", "Unsure"),
    ("vetted", "Vetted"),
    ("processing", "Processing"),
    ("bad", "Bad spectra"),
    ("failed", "Failed"),
    ("all", "All"),
)
PUBLIC = "public"
# A verdict takes a transient out of these; a walk through the others ends at their end.
EMPTYING = ("pending", "unsure")


@dataclasses.dataclass(frozen=True)
class QueueFilter:
    """state: a key of STATES. class_name: vetted, else predicted. q: part of a name. group: a group's name or PUBLIC;
    the empty string stands for any."""

    state: str = "pending"
    class_name: str = ""
    q: str = ""
    group: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Self:
        """From a query; what it does not know it takes for the default."""
        state = query.get("state", "pending")
        return cls(
            state if state in dict(STATES) else "pending",
            query.get("class", ""),
            query.get("q", "").strip(),
            query.get("group", ""),
        )

    @classmethod
    def of_address(cls, address: str) -> Self:
        """From the query of a whole address."""
        return cls.read(QueryDict(urlsplit(address).query))

    @property
    def query(self) -> str:
        """``?state=…&class=…``, the empty string where nothing is narrowed."""
        given = {"state": self.state, "class": self.class_name, "q": self.q, "group": self.group}
        if self.state == "pending":
            del given["state"]
        encoded = urlencode({name: value for name, value in given.items() if value})
        return f"?{encoded}" if encoded else ""

    @property
    def words(self) -> str:
        """What it is narrowed to, for people; the empty string where it is not."""
        parts = [dict(STATES)[self.state].lower()] if self.state != "pending" else []
        parts += [part for part in (self.class_name, f"“{self.q}”" if self.q else "", self.group) if part]
        return ", ".join(parts)

    def rows(self, user: User) -> TransientQuerySet:
        """The transients in it that the user may see, in order."""
        rows = queue.triage_order(user) if self.state == "pending" else _by_state(user, self.state)
        if self.class_name:
            vetted = Q(standing_verdict__in=("confirm", "override"))
            predicted = ~vetted & Q(predicted_class=self.class_name)
            rows = rows.filter((vetted & Q(standing_class=self.class_name)) | predicted)
        if self.q:
            rows = rows.filter(name__icontains=self.q)
        if self.group:
            own = Q(group__isnull=True) if self.group == PUBLIC else Q(group__name=self.group)
            rows = rows.filter(pk__in=Spectrum.objects.visible_to(user).filter(own).values("transient"))
        return rows

    def neighbours(self, user: User, transient: Any) -> tuple[Transient | None, Transient | None]:
        """The transients before and after this one; one that is not in it has those around its place."""
        rows = self.rows(user).exclude(pk=transient.pk)
        if self.state == "pending":
            return queue.neighbours(rows, transient)
        age, number = transient.created_at, transient.pk
        after = Q(created_at__lt=age) | Q(created_at=age, id__lt=number)
        before = Q(created_at__gt=age) | Q(created_at=age, id__gt=number)
        return rows.filter(before).order_by("created_at", "id").first(), rows.filter(after).first()

    def following(self, user: User, transient: Any) -> Transient | None:
        """Where to go after a verdict on this one: the next, else from the start, else None."""
        _, later = self.neighbours(user, transient)
        if later is None and self.state in EMPTYING:
            first: Transient | None = self.rows(user).exclude(pk=transient.pk).first()
            return first
        return later


def _by_state(user: User, state: str) -> TransientQuerySet:
    rows: TransientQuerySet = Transient.objects.for_review(user).order_by("-created_at", "-id")
    if state == "vetted":
        return rows.filter(standing_verdict__in=("confirm", "override"))
    if state == "unsure":
        return rows.filter(standing_verdict="unsure")
    if state == "bad":
        return rows.filter(standing_verdict="bad_spectrum", current_prediction_id__isnull=True)
    if state in ("processing", "failed"):
        wanted = SpectrumState.QUEUED if state == "processing" else SpectrumState.FAILED
        spectra = Spectrum.objects.visible_to(user).filter(state=wanted)
        return rows.filter(pk__in=spectra.values("transient"))
    return rows
