"""Sources of a server, read in pages and kept, so that a spectrum needs no requests for its source."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from triage.chunks import chunks
from triage.models import RemoteClassification, RemoteSource, RemoteSpectrum, SkyPortalInstance, Transient
from triage.services.fields import moment, rows_of
from triage.services.skyportal.classifications import forget_classifications, record_classifications
from triage.services.skyportal.client import Client, naive
from triage.services.skyportal.errors import SkyPortalError
from triage.services.skyportal.pages import ROWS_PER_PAGE
from triage.services.skyportal.remote_records import SkipError, Source, read_source
from triage.services.skyportal.transients import fill_transient, local_name

log = logging.getLogger(__name__)

# Fewer sources than this are asked for one by one.
WORTH_A_PAGE = 3
# Sources whose spectrum is older than the newest one by more than this are asked for one by one too.
RECENT = timedelta(days=30)
SECOND = timedelta(seconds=1)


def refresh_sources(client: Client, instance: SkyPortalInstance, since: datetime | None) -> None:
    """Update the known sources, and the transients whose source has changed.

    since: read what changed since then; None reads everything.
    """
    filters = {**_filters(instance), "removeNested": "true"}
    if since is not None:
        filters["createdOrModifiedAfter"] = naive(since)
    listed = client.sources(**filters)
    seen: set[str] = set()
    for chunk in chunks(_read(listed, since)):
        seen |= _store(instance, dict(chunk))
    if since is None and listed.complete:
        _forget_all_but(instance, seen)


def read_sources_of(client: Client, instance: SkyPortalInstance, observed: dict[str, datetime | None]) -> None:
    """Read the sources of new spectra, with their classifications, in pages.

    A new spectrum does not change its source, so a source that was saved earlier is not among those that changed. What
    does not come is asked for one by one later.

    observed: time of a new spectrum's observation, or None, by the name of its source.
    """
    known = RemoteSource.objects.filter(instance=instance, classified=True).values_list("name", flat=True)
    wanted = {name: time for name, time in observed.items() if time is not None}
    for name in known:
        wanted.pop(name, None)
    if len(wanted) < WORTH_A_PAGE:
        return
    newest = max(wanted.values())
    oldest = min(time for time in wanted.values() if newest - time < RECENT)
    span = {"hasSpectrumAfter": naive(oldest - SECOND), "hasSpectrumBefore": naive(newest + SECOND)}
    listed = client.sources(**_filters(instance), **span)
    try:
        # More pages than sources would cost more requests than asking for each.
        for record in itertools.islice(listed, ROWS_PER_PAGE * len(wanted)):
            if record.get("id") in wanted and isinstance(record.get("classifications"), list):
                source = read_source(record)
                _keep(instance, source.name, source, rows_of(record, "classifications"))
    except SkyPortalError as error:
        log.info("SkyPortal: sources of new spectra are asked for one by one: %s", error.detail)


def ask_for_source(client: Client, instance: SkyPortalInstance, name: str) -> Source:
    """Return one source; a server that was asked for it before is not asked again.

    Raises SkipError if the server's record has no name, else SkyPortalError.
    """
    known = RemoteSource.objects.filter(instance=instance, name=name).first()
    fields = {field.name for field in dataclasses.fields(Source)}
    if known is not None and known.classified and set(known.stated) == fields:
        return Source(**known.stated)
    record = client.source(name)
    source = read_source(record)
    _keep(instance, name, source, rows_of(record, "classifications"))
    return source


def _keep(instance: SkyPortalInstance, name: str, source: Source, rows: list[dict[str, Any]]) -> None:
    """Store what the server says of a source that was asked for by its name, with all its classifications."""
    with transaction.atomic():
        kept = record_classifications(instance, [{**row, "obj_id": name} for row in rows])
        forget_classifications(RemoteClassification.objects.filter(instance=instance, remote_name=name), kept)
        stated = {"stated": dataclasses.asdict(source), "classified": True}
        RemoteSource.objects.update_or_create(instance=instance, name=name, defaults=stated)


def _filters(instance: SkyPortalInstance) -> dict[str, str]:
    filters = {"hasSpectrum": "true"}
    if instance.remote_groups:
        filters["group_ids"] = ",".join(str(group) for group in instance.remote_groups)
    return filters


def _read(records: Iterable[dict[str, Any]], since: datetime | None) -> Iterator[tuple[str, tuple[Source, bool]]]:
    """Yield the name of each source with what the server says, and whether it is newer than ``since``."""
    for record in records:
        try:
            source = read_source(record)
        except SkipError:
            continue
        created = moment(record.get("created_at"))
        yield source.name, (source, since is not None and created is not None and created >= since)


def _store(instance: SkyPortalInstance, read: dict[str, tuple[Source, bool]]) -> set[str]:
    """Store some sources, pass on what changed, and return their names."""
    known = {row.name: row for row in RemoteSource.objects.filter(instance=instance, name__in=read)}
    imported = RemoteSpectrum.objects.filter(instance=instance, remote_name__in=read, spectrum__isnull=False)
    names = set(imported.values_list("remote_name", flat=True))
    rows = []
    for name, (source, is_new) in read.items():
        row, stated = known.get(name), dataclasses.asdict(source)
        if row is not None and row.stated == stated:
            continue
        # Classifications of a source that is newer than the listing of classifications are all in that listing.
        classified = is_new if row is None else row.classified
        rows.append(RemoteSource(instance=instance, name=name, stated=stated, classified=classified))
        if name in names:
            with transaction.atomic():
                _refresh(instance, source)
    RemoteSource.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=("instance", "name"), update_fields=("stated", "classified")
    )
    return set(read)


def _forget_all_but(instance: SkyPortalInstance, seen: set[str]) -> None:
    """Have the server asked again for the sources that it no longer lists."""
    known = RemoteSource.objects.filter(instance=instance).values_list("pk", "name")
    gone = [pk for pk, name in known if name not in seen]
    for chunk in chunks(gone):
        RemoteSource.objects.filter(pk__in=chunk).delete()


def _refresh(instance: SkyPortalInstance, source: Source) -> None:
    """Pass on to its transient what has changed of a source."""
    imported = RemoteSpectrum.objects.filter(
        instance=instance, remote_name=source.name, moved_from="", spectrum__isnull=False
    )
    # A transient that only has the same file, and another name, is left alone.
    name = Q(name=local_name(source.name)) | Q(other_names__name=local_name(source.name))
    transient = Transient.objects.filter(name, spectra__in=imported.values("spectrum")).first()
    if transient is not None:
        fill_transient(transient, source, instance)
