"""Comparing the server's classifications with those stored here, one span of time after the other.

The server tells nobody of a classification that was edited or deleted, so all of them are read now and then. A server
may have a million of them. They are therefore asked for by the time when they were made, in spans of a few pages, and
the run remembers how far it has come.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from triage.chunks import chunks
from triage.models import RemoteClassification, RemoteSource, RemoteSpectrum, SkyPortalInstance, SkyPortalRun
from triage.services.fields import text
from triage.services.skyportal.classifications import forget_classifications, record_classifications
from triage.services.skyportal.client import Client
from triage.services.skyportal.pages import Pages

# Nothing is older than SkyPortal.
BEGINNING = datetime(2017, 1, 1, tzinfo=UTC)
# A span with more classifications than this is cut, unless it is as short as SHORTEST_SPAN already.
MOST_IN_A_SPAN = 2000
SHORTEST_SPAN = timedelta(seconds=1)


def compare_classifications(
    client: Client, instance: SkyPortalInstance, run: SkyPortalRun, deadline: float | None
) -> bool:
    """Store the classifications that were made since the run's ``since``, and delete those that the server has not.

    deadline: value of ``time.monotonic()`` after which the rest is left to the next call, or None to go on to the end.

    Returns whether the end was reached.
    """
    width: timedelta | None = None
    after = run.compared_until or run.since
    while True:
        before, listed = _next_span(client, after, width)
        kept = record_classifications(instance, _of_known_sources(instance, listed))
        if listed.complete:
            forget_classifications(_made_between(instance, after, before), kept)
        else:
            run.missed += max(listed.missed, 1)
        if before is None:
            break
        # A span with few classifications is followed by a longer one.
        width = (before - (after or BEGINNING)) * (2 if (listed.total or 0) < MOST_IN_A_SPAN / 2 else 1)
        after = run.compared_until = before
        run.save(update_fields=["compared_until", "missed"])
        if deadline is not None and time.monotonic() > deadline:
            return False
    run.save(update_fields=["missed"])
    if run.full and not run.missed:
        # By now the server has dated all that it holds.
        forget_classifications(RemoteClassification.objects.filter(instance=instance, remote_created=None), kept)
        RemoteSource.objects.filter(instance=instance).update(classified=True)
    return True


def _next_span(client: Client, after: datetime | None, width: timedelta | None) -> tuple[datetime | None, Pages]:
    """Return the end of the next span, or None if it has no end, and the classifications that were made in it.

    after: begin of the span, or None for no bound.
    width: length to try first, or None to try everything.
    """
    begin, now = after or BEGINNING, timezone.now()
    before = None if width is None or begin + width >= now else begin + width
    listed = client.all_classifications(after, before)
    while (listed.total or 0) > MOST_IN_A_SPAN:
        length = ((before or now) - begin) * max(MOST_IN_A_SPAN / 2 / (listed.total or 1), 0.01)
        if length < SHORTEST_SPAN:
            break
        before = begin + length
        listed = client.all_classifications(after, before)
    return before, listed


def _made_between(
    instance: SkyPortalInstance, after: datetime | None, before: datetime | None
) -> QuerySet[RemoteClassification]:
    bounds = {"remote_created__gte": after, "remote_created__lte": before}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return RemoteClassification.objects.filter(instance=instance, remote_created__isnull=False, **given)


def _of_known_sources(instance: SkyPortalInstance, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the classifications of sources that the desk knows, by themselves or by one of their spectra.

    A source may not be listed although some of its spectra are.
    """
    for chunk in chunks(rows):
        names = {text(row.get("obj_id"), 200) for row in chunk}
        sources = RemoteSource.objects.filter(instance=instance, name__in=names).values_list("name", flat=True)
        spectra = RemoteSpectrum.objects.filter(instance=instance, remote_name__in=names)
        known = {*sources, *spectra.values_list("remote_name", flat=True).distinct()}
        yield from (row for row in chunk if text(row.get("obj_id"), 200) in known)
