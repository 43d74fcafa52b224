"""Filters of the queue: read from an address, written back to it, and kept from page to page."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict
from django.utils.dateparse import parse_date

from triage.models import Claim, Decision, Spectrum, SpectrumState, TnsRecord, Transient, UploadEntry
from triage.models.demonstration import only
from triage.models.transient_order import Neighbours
from triage.models.transient_queries import TransientQuerySet
from triage.queue import order

STATES = (
    ("pending", "Pending"),
    ("in_review", "In review"),
    ("second_opinion", "Second opinion"),
    ("disputed", "Disputed"),
    ("unsure", "Unsure"),
    ("done", "Done"),
    ("automatic", "Automatic"),
    ("processing", "Processing"),
    ("bad", "Bad spectra"),
    ("failed", "Not classified"),
    ("all", "All"),
)
TNS_STATES = (
    ("classified", "classified on the TNS"),
    ("unclassified", "on the TNS, not classified"),
    ("unknown", "not on the TNS"),
)
PUBLIC = "public"
# A verdict takes a transient out of these states, so a walk through them starts again at their beginning.
EMPTYING = ("pending", "in_review", "second_opinion", "disputed", "unsure", "automatic")
# These states have the names that OutcomeState gives them.
OUTCOMES = ("second_opinion", "disputed", "unsure", "done")
# Old bookmarks may have these names.
OLD_NAMES = {"vetted": "done"}
# Any number that the database can hold as an id.
UPLOAD_ID = re.compile(r"[1-9][0-9]{0,17}")
# The parameter of an address that holds each field, where it has another name.
PARAMETERS = {"state": "state", "class_name": "class", "after": "from", "before": "to"}


@dataclasses.dataclass(frozen=True)
class QueueFilter:
    """A filter of the queue. An empty text does not filter.

    state: key of STATES.
    class_name: vetted class, or the predicted one if there is none.
    q: part of a name; any name that the user may know counts.
    group: name of a group, or PUBLIC.
    instrument: part of the instrument's name.
    after, before: first and last day on which a spectrum arrived, such as 2026-11-23.
    above, below: bounds of the prediction's probability in percent; the lower one is included.
    tns: key of TNS_STATES.
    mine: "1" for transients that the user uploaded, has claimed or has decided on.
    upload: id of an upload of the user's, as text. But for pending transients, the order is that of its files.
    """

    state: str = "pending"
    class_name: str = ""
    q: str = ""
    group: str = ""
    instrument: str = ""
    after: str = ""
    before: str = ""
    above: str = ""
    below: str = ""
    tns: str = ""
    mine: str = ""
    upload: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Self:
        """Read a filter from the parameters of an address. Values that mean nothing are left out."""
        names = [field.name for field in dataclasses.fields(cls) if field.name != "state"]
        given = {name: str(query.get(PARAMETERS.get(name, name), "")).strip() for name in names}
        for name in ("after", "before"):
            given[name] = given[name] if midnight(given[name]) else ""
        for name in ("above", "below"):
            given[name] = given[name] if _percent(given[name]) is not None else ""
        given["tns"] = given["tns"] if given["tns"] in dict(TNS_STATES) else ""
        given["mine"] = "1" if given["mine"] == "1" else ""
        given["upload"] = given["upload"] if UPLOAD_ID.fullmatch(given["upload"]) else ""
        state = query.get("state", "pending")
        state = OLD_NAMES.get(state, state)
        return cls(state if state in dict(STATES) else "pending", **given)

    @classmethod
    def of_address(cls, address: str) -> Self:
        """Read a filter from a whole address."""
        return cls.read(QueryDict(address.partition("?")[2]))

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Return the parameters of an address that stand for this filter."""
        given = [(PARAMETERS.get(name, name), value) for name, value in dataclasses.asdict(self).items() if value]
        return [item for item in given if item != ("state", "pending")]

    @property
    def query(self) -> str:
        """Return ``?state=…&class=…``, or "" if nothing is filtered."""
        encoded = urlencode(self.fields)
        return f"?{encoded}" if encoded else ""

    @property
    def description(self) -> str:
        """Return the filter in words, or "" if nothing is filtered."""
        parts = [dict(STATES)[self.state].lower()] if self.state != "pending" else []
        parts += [self.class_name, f"“{self.q}”" if self.q else "", self.group, self.instrument]
        parts += [f"from {self.after}" if self.after else "", f"to {self.before}" if self.before else ""]
        parts += [f"≥ {self.above} %" if self.above else "", f"< {self.below} %" if self.below else ""]
        parts += [dict(TNS_STATES)[self.tns]] if self.tns else []
        parts += ["mine"] if self.mine else []
        parts += ["one upload"] if self.upload else []
        return ", ".join(part for part in parts if part)

    @property
    def narrowed(self) -> bool:
        """Return whether anything besides the state is filtered."""
        return self != QueueFilter(state=self.state)

    @property
    def uses_folded_fields(self) -> bool:
        """Return whether a field is used that the page keeps under “More filters”."""
        return bool(self.instrument or self.after or self.before or self.above or self.below or self.tns)

    def rows(self, user: User, simulated: bool | None = None) -> TransientQuerySet:
        """Return the matching transients that the user may see, in order.

        simulated: see triage.models.demonstration.
        """
        rows = order.triage_order(user) if self.state == "pending" else self._by_state(user)
        rows = rows.filter(only(simulated))
        if self.class_name and self.state == "pending":
            rows = rows.predicted_as(self.class_name)
        elif self.class_name and self.state != "done":
            rows = rows.of_class(user, self.class_name)
        if self.q:
            rows = rows.with_part_of_name(user, self.q)
        rows = self._by_spectrum(rows, user).within_probability(_percent(self.above), _percent(self.below))
        if self.class_name or self.above or self.below:
            # Otherwise the filter would tell the hidden prediction.
            rows = rows.wanting_vote(wanted=False)
        if self.tns:
            rows = rows.filter(pk__in=TnsRecord.objects.filter(_said_by_the_tns(self.tns)).values("transient"))
        if self.upload:
            sent = rows.sent_with(user, int(self.upload))
            rows = sent.by_priority() if self.state == "pending" else sent
        return rows.filter(_concerns(user)) if self.mine else rows

    def places(self, user: User, simulated: bool | None = None) -> TransientQuerySet:
        """Return the same transients in the same order, for their names or ids alone.

        The usual queue is found by its entries, without the annotations of ``for_review``.
        """
        if self == QueueFilter():
            return Transient.objects.waiting(user).filter(only(simulated)).by_priority()
        return self.rows(user, simulated)

    def _by_state(self, user: User) -> TransientQuerySet:
        """Return the transients in any state but "pending", the newest arrival first."""
        state = self.state
        # In the other lists each has a spectrum or a decision that the user sees, so none is looked for.
        any_visible = state == "all" and not self.asks_for_spectrum
        rows = Transient.objects.for_review(user) if any_visible else Transient.objects.described(user)
        if state == "done" and self.class_name:
            rows = rows.vetted_as(user, self.class_name)
        elif state in OUTCOMES:
            rows = rows.with_outcome(user, state)
        elif state == "automatic":
            rows = rows.classified_by_policy(user)
        elif state == "bad":
            rows = rows.all_bad(user)
        elif state == "in_review":
            claimed = Claim.objects.live().visible_to(user).values("transient")
            rows = Transient.objects.awaiting_review(user).filter(pk__in=claimed)
        else:
            rows = rows.with_arrival()
        if state in ("processing", "failed"):
            spectra = Spectrum.objects.visible_to(user)
            found = spectra.filter(state=SpectrumState.QUEUED) if state == "processing" else spectra.not_classified()
            rows = rows.filter(pk__in=found.values("transient"))
        return rows.newest_first()

    @property
    def asks_for_spectrum(self) -> bool:
        """Return whether a transient needs a visible spectrum of a group, an instrument or a day to match."""
        return bool(self.group or self.instrument or self.after or self.before)

    def _by_spectrum(self, rows: TransientQuerySet, user: User) -> TransientQuerySet:
        """Keep transients with a visible spectrum that has the group, the instrument and the dates, all in one."""
        if not self.asks_for_spectrum:
            return rows
        spectra = Spectrum.objects.visible_to(user)
        if self.group:
            # By id, because for a name Postgres cannot tell how many spectra the group has.
            ids = [group.pk for group in user.groups.all() if group.name == self.group]
            spectra = spectra.filter(Q(group__isnull=True) if self.group == PUBLIC else Q(group__in=ids))
        if self.instrument:
            spectra = spectra.filter(instrument__icontains=self.instrument)
        if first := midnight(self.after):
            spectra = spectra.filter(created_at__gte=first)
        if last := midnight(self.before):
            spectra = spectra.filter(created_at__lt=last + timedelta(days=1))
        return rows.with_spectrum(spectra)

    def neighbours(self, user: User, transient: Transient, simulated: bool | None = None) -> Neighbours:
        """Return the names of the transients before and after this one, each None at an end.

        A transient that does not match the filter has a place in the order all the same. Transients that somebody
        else is looking at are passed over, and those on which the user's second opinion is in.
        """
        rows = self.places(user, simulated).exclude(pk=transient.pk)
        if self.state != "in_review":
            rows = rows.not_claimed_by_others(user)
        if self.state == "second_opinion":
            rows = rows.wanting_vote()
        if self.state == "pending":
            return rows.neighbours_by_priority(transient)
        if self.upload:
            return rows.neighbours_by_file(UploadEntry.objects.of_upload(user, int(self.upload)).place_of(transient))
        return rows.neighbours_by_arrival(transient)

    def following(self, user: User, transient: Transient, simulated: bool | None = None) -> str | None:
        """Return the name to go to after a verdict on a transient: the next one, else the first, else None."""
        earlier, later = self.neighbours(user, transient, simulated)
        if later is None and self.state in EMPTYING and earlier is not None:
            rows = self.places(user, simulated).exclude(pk=transient.pk).not_claimed_by_others(user)
            rows = rows.wanting_vote() if self.state == "second_opinion" else rows
            return rows.first_name()
        return later


def _said_by_the_tns(state: str) -> Q:
    """Return the condition on a record of the TNS that a state of TNS_STATES means."""
    if state == "unknown":
        return Q(name="")
    return ~Q(name="") & (Q(class_name="") if state == "unclassified" else ~Q(class_name=""))


def _concerns(user: User) -> Q:
    """Return the condition that the user uploaded a spectrum of the transient, has claimed it or has decided on it."""
    here = {"transient": OuterRef("pk")}
    decided = Exists(Decision.objects.filter(**here, reviewer=user))
    held = Exists(Claim.objects.filter(**here, reviewer=user).live())
    return Q(decided) | Q(held) | Q(Exists(Spectrum.objects.filter(**here, uploaded_by=user)))


def midnight(text: str) -> datetime | None:
    """Return the midnight (UTC) at which a day (YYYY-MM-DD) begins, or None if the text is no day."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day and day.year < 9999 else None


def _percent(text: str) -> float | None:
    """Return a percentage as a share, or None if the text is no percentage."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value / 100 if math.isfinite(value) and 0 <= value <= 100 else None
