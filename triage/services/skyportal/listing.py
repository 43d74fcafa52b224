"""Listing what there is to import from a server, and storing it as work, so that a killed process loses nothing.

Each of two listings of spectra misses something, so both are made:
- spectra changed since the cursor, with an overlap, because a late commit may carry an earlier time;
- all spectra, now and then, because sharing a spectrum with a group does not change its ``modified``.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from triage.chunks import chunks
from triage.models import RemoteSpectrum, RemoteState, SkyPortalInstance, SkyPortalRun
from triage.services.fields import moment, text
from triage.services.skyportal.classifications import of_people
from triage.services.skyportal.client import Client, naive
from triage.services.skyportal.errors import SlowAnswerError
from triage.services.skyportal.remote_records import SkipError, check_kind

OVERLAP = timedelta(hours=1)
# A full listing has no pages, so it is asked for year by year; nothing is older than SkyPortal.
FIRST_YEAR = 2017
# A listing that the server does not finish in time is asked for in halves, down to this length.
SHORTEST_WINDOW = timedelta(days=3)
# Reasons for skipping that can disappear although the spectrum does not change.
TEMPORARY_REASONS = ("classified_there", "source_not_visible", "not_visible", "gone", "moved_there")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One row of a listing.

    remote_id: the spectrum's number on the server.
    name: name of its source.
    modified: time of its last change by the server's clock, or None.
    observed: time of the observation, or None.
    skip: reason not to import it, or "".
    """

    remote_id: int
    name: str
    modified: datetime | None
    observed: datetime | None
    skip: str


def list_spectra(client: Client, instance: SkyPortalInstance, since: datetime | None) -> dict[int, Entry]:
    """List the spectra of a connection's groups and instruments.

    since: list only what changed since then, or None to list everything.

    Returns the entries by the spectrum's number on the server.
    """
    filters = spectrum_filters(instance)
    found: dict[int, Entry] = {}
    for after, before in _windows(since):
        for row in _list_window(client, filters, after, before):
            entry = _entry(row)
            if entry is not None:
                found[entry.remote_id] = entry
    return found


def spectrum_filters(instance: SkyPortalInstance) -> dict[str, str]:
    """Return the parameters that keep the spectra of a connection's groups and instruments."""
    # With commas, because the server reads only one of several parameters of the same name.
    filters = {"groupIDs": instance.remote_groups, "instrumentIDs": instance.instruments}
    return {name: ",".join(map(str, ids)) for name, ids in filters.items() if ids}


def _windows(since: datetime | None) -> Iterator[tuple[datetime | None, datetime | None]]:
    """Yield the windows of time (after, before) that cover everything, or what changed since a moment."""
    if since is not None:
        yield since, None
        return
    edges = [datetime(year, 1, 1, tzinfo=UTC) for year in range(FIRST_YEAR, timezone.now().year + 1)]
    yield from itertools.pairwise([None, *edges, None])


def _list_window(
    client: Client, filters: dict[str, str], after: datetime | None, before: datetime | None
) -> Iterator[dict[str, Any]]:
    """Yield the spectra that changed within a window, half by half if the server is too slow for the whole."""
    # A second on either side, because the server's bounds may or may not be inclusive.
    little = timedelta(seconds=1)
    bounds = {
        **({"modifiedAfter": naive(after - little)} if after else {}),
        **({"modifiedBefore": naive(before + little)} if before else {}),
    }
    try:
        rows = client.spectra(**filters, **bounds)
    except SlowAnswerError:
        end = before or timezone.now()
        if after is None or end - after < SHORTEST_WINDOW:
            raise
        middle = after + (end - after) / 2
        yield from _list_window(client, filters, after, middle)
        yield from _list_window(client, filters, middle, before)
    else:
        yield from rows


def _entry(row: dict[str, Any]) -> Entry | None:
    remote_id, name = row.get("id"), text(row.get("obj_id"), 200)
    if not isinstance(remote_id, int) or isinstance(remote_id, bool) or remote_id < 0 or not name:
        return None
    skip = ""
    try:
        check_kind(row)
    except SkipError as error:
        skip = error.reason
    return Entry(remote_id, name, moment(row.get("modified")), moment(row.get("observed_at")), skip)


def observed_by_source(instance: SkyPortalInstance, entries: dict[int, Entry]) -> dict[str, datetime | None]:
    """Return when a new spectrum of each source was observed, or None if unknown, by the name of the source."""
    observed: dict[str, datetime | None] = {}
    for chunk in chunks(sorted(entries)):
        known = RemoteSpectrum.objects.filter(instance=instance, remote_id__in=chunk)
        new = set(chunk) - set(known.values_list("remote_id", flat=True))
        observed |= {entries[number].name: entries[number].observed for number in new if not entries[number].skip}
    return observed


def write_down(instance: SkyPortalInstance, run: SkyPortalRun, entries: dict[int, Entry]) -> None:
    """Store a listing as work and move the cursor on. Call it in a transaction."""
    for chunk in chunks(sorted(entries)):
        rows = RemoteSpectrum.objects.filter(instance=instance, remote_id__in=chunk)
        known = {row.remote_id: row for row in rows}
        _write_chunk(instance, run, [entries[remote_id] for remote_id in chunk], known)
    if run.full:
        _mark_gone(instance, run, entries)
        instance.reconciled_at = timezone.now()
    pending = RemoteSpectrum.objects.filter(instance=instance, state=RemoteState.PENDING).count()
    run.listed, run.listed_at = len(entries), timezone.now()
    run.total = pending + run.unchanged + run.skipped_total
    run.save()
    # The cursor follows the server's clock, but never beyond ours: one record from the future would hide later changes.
    times = [entry.modified for entry in entries.values() if entry.modified is not None]
    newest = min(max(times), timezone.now()) if times else None
    if newest is not None and (instance.cursor is None or newest > instance.cursor):
        instance.cursor = newest
    instance.save(update_fields=["cursor", "reconciled_at"])


def _write_chunk(
    instance: SkyPortalInstance, run: SkyPortalRun, entries: list[Entry], known: dict[int, RemoteSpectrum]
) -> None:
    fresh, again = [], []
    names = {entry.name for entry in entries} if run.full else set()
    classified = set(of_people(instance).filter(remote_name__in=names).values_list("remote_name", flat=True))
    for entry in entries:
        row = known.get(entry.remote_id)
        if row is None:
            row = RemoteSpectrum(instance=instance, remote_id=entry.remote_id)
            fresh.append(row)
        elif _worth_a_look(row, entry, run, classified):
            again.append(row)
        else:
            run.unchanged += row.state != RemoteState.PENDING
            continue
        _reset(row, entry)
        if entry.skip:
            run.skipped[entry.skip] = run.skipped.get(entry.skip, 0) + 1
    RemoteSpectrum.objects.bulk_create(fresh)
    fields = ["remote_name", "moved_from", "remote_modified", "state", "reason", "detail"]
    RemoteSpectrum.objects.bulk_update(again, [*fields, "attempts", "next_attempt_at", "gone_at"])


def _worth_a_look(row: RemoteSpectrum, entry: Entry, run: SkyPortalRun, classified: set[str]) -> bool:
    """Return whether a spectrum that was listed before has to be fetched again.

    classified: names of sources that people have classified on the server; only a full run needs them.
    """
    if row.gone_at is not None or entry.modified is None or row.remote_modified != entry.modified:
        return True
    if row.remote_name != entry.name:
        return True
    if not run.full or row.state in (RemoteState.IMPORTED, RemoteState.PENDING):
        return False
    if row.reason == "classified_there":
        return entry.name not in classified
    return row.state == RemoteState.FAILED or row.reason in TEMPORARY_REASONS


def _reset(row: RemoteSpectrum, entry: Entry) -> None:
    if row.spectrum_id is not None and row.remote_name != entry.name:
        earlier = row.moved_from or row.remote_name
        row.moved_from = "" if earlier == entry.name else earlier
    row.remote_name, row.remote_modified = entry.name, entry.modified
    row.state = RemoteState.SKIPPED if entry.skip else RemoteState.PENDING
    row.reason, row.detail = entry.skip, ""
    row.attempts, row.next_attempt_at, row.gone_at = 0, None, None


def _mark_gone(instance: SkyPortalInstance, run: SkyPortalRun, entries: dict[int, Entry]) -> None:
    """Mark the spectra that the server no longer lists (deleted or no longer shared). What was imported stays."""
    rows = RemoteSpectrum.objects.filter(instance=instance, gone_at__isnull=True)
    gone = [remote_id for remote_id in rows.values_list("remote_id", flat=True) if remote_id not in entries]
    for chunk in chunks(gone):
        mine = rows.filter(remote_id__in=chunk)
        mine.filter(state=RemoteState.PENDING).update(state=RemoteState.SKIPPED, reason="gone")
        mine.update(gone_at=timezone.now())
    run.gone = len(gone)
