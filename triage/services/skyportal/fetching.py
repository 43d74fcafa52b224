"""Fetching spectra, with their sources and light curves, from one server."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from triage.models import RemoteSource, RemoteSpectrum, SkyPortalInstance
from triage.services.skyportal.classifications import classified_by_people
from triage.services.skyportal.client import Client, naive
from triage.services.skyportal.errors import NotVisibleError, RefusedError, SkyPortalError, UnreachableError
from triage.services.skyportal.listing import spectrum_filters
from triage.services.skyportal.originals import with_true_original
from triage.services.skyportal.photometry import RemotePhotometry, read_photometry
from triage.services.skyportal.remote_records import RemoteFile, SkipError, Source, read_spectrum_record
from triage.services.skyportal.sources import ask_for_source

log = logging.getLogger(__name__)

# So many spectra are asked for with one request, if no more than MOST_LISTED lie between their times of change.
BATCH, MOST_LISTED = 25, 50


@dataclasses.dataclass(frozen=True)
class Fetched:
    """All that is needed to store one spectrum.

    source: the source it belongs to.
    file: the spectrum itself; its original, if there is one, holds the server's samples unless the version is known.
    photometry: light curve of the source, or None if it was not asked for or did not come.
    """

    source: Source
    file: RemoteFile
    photometry: RemotePhotometry | None


class Fetcher:
    """Fetches the spectra of one connection.

    since: begin of the run; a light curve that was asked for since then is not asked for again.
    """

    def __init__(self, client: Client, instance: SkyPortalInstance, since: datetime) -> None:
        self.client, self.instance, self.since = client, instance, since
        self._records: dict[int, dict[str, Any]] = {}
        self._one_by_one = False
        self._no_photometry = False

    def read_ahead(self, due: QuerySet[RemoteSpectrum]) -> list[RemoteSpectrum]:
        """Fetch the spectra that changed first, with one request if that is possible, and return their rows.

        The server has no list of spectra by their numbers, so they are asked for by the time of their last change.

        due: spectra that are to be fetched.
        """
        rows = list(due.order_by("remote_modified", "remote_id").select_related("spectrum__transient")[:BATCH])
        self._records = {}
        if self._one_by_one:
            return rows
        while len(rows) > 1 and self._listed_between(rows) > MOST_LISTED:
            rows = rows[: len(rows) // 2]
        first, last = (rows[0].remote_modified, rows[-1].remote_modified) if len(rows) > 1 else (None, None)
        if first is not None and last is not None:
            self._read_between(first, last)
        return rows

    def _listed_between(self, rows: Sequence[RemoteSpectrum]) -> int:
        """Return how many of the server's spectra changed between the first and the last of some."""
        between = {"remote_modified__gte": rows[0].remote_modified, "remote_modified__lte": rows[-1].remote_modified}
        if None in between.values():
            return len(rows)
        return RemoteSpectrum.objects.filter(instance=self.instance, gone_at__isnull=True, **between).count()

    def _read_between(self, first: datetime, last: datetime) -> None:
        little = timedelta(milliseconds=1)
        bounds = {"modifiedAfter": naive(first - little), "modifiedBefore": naive(last + little)}
        try:
            records = self.client.whole_spectra(**spectrum_filters(self.instance), **bounds)
        except SkyPortalError as error:
            self._one_by_one = True
            log.info("SkyPortal: spectra of %s are fetched one by one: %s", self.instance, error.detail)
        else:
            self._records = {record["id"]: record for record in records if isinstance(record.get("id"), int)}

    def fetch(self, row: RemoteSpectrum) -> Fetched:
        """Fetch one spectrum with its source. Raises SkipError if it should not be imported, else SkyPortalError."""
        source = self._source(row.remote_name)
        # A spectrum that was imported before follows its source, whoever has classified that.
        skips = self.instance.only_unclassified and not row.moved_from
        if skips and classified_by_people(self.instance, row.remote_name):
            raise SkipError("classified_there", "people have already classified this source there")
        try:
            record = self._records.pop(row.remote_id, None) or self.client.spectrum(row.remote_id)
        except (NotVisibleError, RefusedError) as error:
            raise SkipError("not_visible", error.detail) from error
        file = read_spectrum_record(record, self.instance.url)
        if row.spectrum_id is not None and not row.moved_from and is_known(row, file):
            return Fetched(source, file, None)
        return Fetched(source, with_true_original(file), self._light_curve(row.remote_name))

    def _light_curve(self, name: str) -> RemotePhotometry | None:
        """Return the light curve of a source, or None.

        It never delays a spectrum: a refusal means that there is none, and after an unanswered request no other light
        curve is asked for.
        """
        mine = RemoteSource.objects.filter(instance=self.instance, name=name)
        if self._no_photometry or mine.filter(photometry_at__gte=self.since).exists():
            return None
        found = None
        try:
            found = read_photometry(self.client.photometry(name), self.instance.remote_groups)
        except UnreachableError as error:
            self._no_photometry = True
            log.warning("SkyPortal: light curve not fetched (%s); this run asks for no other", error.detail)
            return None
        except SkyPortalError as error:
            mine.update(photometry_at=timezone.now())
            log.info("SkyPortal: no light curve of %s, its spectrum is imported without: %s", name, error.detail)
        return found

    def _source(self, name: str) -> Source:
        try:
            return ask_for_source(self.client, self.instance, name)
        except (NotVisibleError, RefusedError) as error:
            raise SkipError("source_not_visible", error.detail) from error


def is_known(row: RemoteSpectrum, file: RemoteFile) -> bool:
    """Return whether this version of a spectrum was imported last."""
    # Earlier releases stored the hash of the whole table, with the server's address in it.
    return row.content_hash in (file.content_hash, hashlib.sha256(file.content).hexdigest())
