"""Importing one remote spectrum: it is fetched outside of a transaction and stored in one."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from triage.errors import TriageError
from triage.intake import replace, submit
from triage.intake.move import move_with_source
from triage.intake.naming import known_transient
from triage.intake.quarantine import UnreadableSpectrumError
from triage.models import Original, RemoteSource, RemoteSpectrum, SkyPortalImport, SkyPortalInstance, Spectrum
from triage.services.skyportal.classifications import classified_by_people
from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import NotVisibleError, RefusedError, SkyPortalError, UnreachableError
from triage.services.skyportal.photometry import RemotePhotometry, read_photometry, store_photometry
from triage.services.skyportal.remote_records import RemoteFile, SkipError, Source, read_spectrum_record
from triage.services.skyportal.sources import ask_for_source
from triage.services.skyportal.transients import fill_transient, transient_name

log = logging.getLogger(__name__)

SERVICE_USER = "skyportal"


@dataclasses.dataclass(frozen=True)
class Fetched:
    """All that is needed to store one spectrum.

    source: the source it belongs to.
    file: the spectrum itself.
    photometry: light curve of the source, or None if it was not asked for or did not come.
    """

    source: Source
    file: RemoteFile
    photometry: RemotePhotometry | None


def service_user(instance: SkyPortalInstance) -> User:
    """Return the user who owns imported spectra. Nobody can sign in as this user."""
    user, created = User.objects.get_or_create(username=SERVICE_USER)
    if created:
        user.set_unusable_password()
        user.save()
    if instance.group is not None:
        user.groups.add(instance.group)
    return user


class Fetcher:
    """Fetches the spectra of one connection, with their sources.

    since: begin of the run; a light curve that was asked for since then is not asked for again.
    """

    def __init__(self, client: Client, instance: SkyPortalInstance, since: datetime) -> None:
        self.client, self.instance, self.since = client, instance, since
        self._records: dict[int, dict[str, Any]] = {}
        self._no_photometry = False

    def read_ahead(self, rows: Sequence[RemoteSpectrum]) -> None:
        """Fetch all spectra of a source with one request, if several of them are wanted."""
        self._records = {}
        if len(rows) > 1:
            try:
                records = self.client.spectra_of(rows[0].remote_name)
            except SkyPortalError as error:
                log.info("SkyPortal: spectra of %s are fetched one by one: %s", rows[0].remote_name, error.detail)
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
        known = row.spectrum_id is not None and not row.moved_from and _is_known(row, file)
        return Fetched(source, file, None if known else self._light_curve(row.remote_name))

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


def store_one(instance: SkyPortalInstance, row: RemoteSpectrum, fetched: Fetched) -> str:
    """Store one spectrum, inside the caller's transaction.

    instance: connection it came through.
    row: the remote spectrum; it is changed, and the caller saves it.
    fetched: what the server sent.

    Returns "new", "changed" or "unchanged". Raises SkipError if the file cannot be read, which is then in quarantine,
    or cannot be taken for another reason.
    """
    content_hash = fetched.file.content_hash
    if row.spectrum is not None and row.moved_from and row.spectrum.group_id == instance.group_id:
        _follow(instance, row.spectrum, fetched.source)
        row.moved_from = ""
    if row.spectrum is not None and _is_known(row, fetched.file):
        outcome = "unchanged"
        row.content_hash = content_hash
    else:
        outcome = "new" if row.spectrum is None else "changed"
        row.spectrum = _take_in(instance, row, fetched)
        row.content_hash = content_hash
        SkyPortalImport.objects.get_or_create(
            instance=instance,
            remote_id=row.remote_id,
            content_hash=content_hash,
            defaults={
                "spectrum": row.spectrum,
                "original": Original.objects.get(sha256=row.spectrum.sha256),
            },
        )
    transient = row.spectrum.transient
    if transient is not None and transient == known_transient(transient_name(instance, fetched.source), instance.group):
        fill_transient(transient, fetched.source, instance)
        if fetched.photometry is not None:
            store_photometry(instance, row.remote_name, transient, fetched.photometry)
    if fetched.photometry is not None:
        sources = RemoteSource.objects.filter(instance=instance, name=row.remote_name)
        sources.update(photometry_at=timezone.now())
    return outcome


def _follow(instance: SkyPortalInstance, spectrum: Spectrum, source: Source) -> None:
    """Move a spectrum that its server has moved to another source. Raises SkipError while a decision rests on it."""
    name = transient_name(instance, source)
    try:
        spectrum.transient = move_with_source(service_user(instance), spectrum, name).transient
    except TriageError as error:
        raise SkipError("moved_there", f"it belongs to {source.name} there by now, but {error.detail}") from error


def _is_known(row: RemoteSpectrum, file: RemoteFile) -> bool:
    """Return whether this version of a spectrum was imported last."""
    # Earlier releases stored the hash of the whole file, with the server's address in it.
    return row.content_hash in (file.content_hash, hashlib.sha256(file.content).hexdigest())


def _take_in(instance: SkyPortalInstance, row: RemoteSpectrum, fetched: Fetched) -> Spectrum:
    given = _given(instance, fetched)
    try:
        # A spectrum that everybody sees does not follow changes that only this group is shown.
        if row.spectrum is not None and row.spectrum.group_id == instance.group_id:
            return replace.replace_original(row.spectrum, fetched.file.content, given)
        user = service_user(instance)
        return submit.submit_spectrum(user, fetched.file.content, fetched.file.filename, given).spectrum
    except UnreadableSpectrumError as error:
        row.spectrum = error.spectrum
        raise SkipError(error.code, error.detail) from error
    except TriageError as error:
        raise SkipError(error.code, error.detail) from error


def _given(instance: SkyPortalInstance, fetched: Fetched) -> submit.Given:
    """Return what is stated about a spectrum; a group's redshift goes with it, for others may see the transient."""
    return submit.Given(
        transient=transient_name(instance, fetched.source),
        redshift=None if instance.group is None else fetched.source.redshift,
        observed_at=fetched.file.observed_at,
        instrument=fetched.file.instrument,
        group=instance.group,
    )
