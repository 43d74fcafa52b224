"""Sources of a server, read in pages and kept, so that a spectrum needs no requests for its source."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from triage.models import RemoteSource, RemoteSpectrum, SkyPortalInstance, Transient
from triage.services.skyportal.chunks import chunks
from triage.services.skyportal.classifications import forget_classifications, record_classifications
from triage.services.skyportal.client import Client, naive
from triage.services.skyportal.remote_records import SkipError, Source, moment, read_source, text
from triage.services.skyportal.transients import fill_transient, local_name


def refresh_sources(client: Client, instance: SkyPortalInstance, since: datetime | None) -> None:
    """Update the known sources and their classifications, and the transients whose source has changed.

    since: read what changed since then; None reads everything, which also shows classifications that were changed or
        deleted.
    """
    listed = client.sources(**_filters(instance, since))
    seen: set[str] = set()
    for chunk in chunks(_read(listed, since)):
        seen |= _store(instance, dict(chunk))
    classifications = client.all_classifications(since)
    kept = record_classifications(instance, _of_known_sources(instance, classifications))
    if since is None and classifications.complete:
        forget_classifications(instance, kept)
        RemoteSource.objects.filter(instance=instance).update(classified=True)
    if since is None and listed.complete:
        _doubt(instance, seen)


def ask_for_source(client: Client, instance: SkyPortalInstance, name: str) -> Source:
    """Return one source; a server that was asked for it and its classifications before is not asked again.

    Raises SkipError if the server's record has no name, else SkyPortalError.
    """
    known = RemoteSource.objects.filter(instance=instance, name=name).first()
    fields = {field.name for field in dataclasses.fields(Source)}
    if known is not None and known.classified and set(known.stated) == fields:
        return Source(**known.stated)
    source = read_source(client.source(name))
    rows = [{**row, "obj_id": name} for row in client.classifications(name)]
    with transaction.atomic():
        forget_classifications(instance, record_classifications(instance, rows), name)
        stated = {"stated": dataclasses.asdict(source), "classified": True}
        RemoteSource.objects.update_or_create(instance=instance, name=name, defaults=stated)
    return source


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


def _filters(instance: SkyPortalInstance, since: datetime | None) -> dict[str, str]:
    filters = {"hasSpectrum": "true", "removeNested": "true"}
    if instance.remote_groups:
        filters["group_ids"] = ",".join(str(group) for group in instance.remote_groups)
    if since is not None:
        filters["createdOrModifiedAfter"] = naive(since)
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


def _doubt(instance: SkyPortalInstance, seen: set[str]) -> None:
    """Have the server asked again for the sources that it no longer lists."""
    known = RemoteSource.objects.filter(instance=instance).values_list("pk", "name")
    gone = [pk for pk, name in known if name not in seen]
    for chunk in chunks(gone):
        RemoteSource.objects.filter(pk__in=chunk).update(classified=False)


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
