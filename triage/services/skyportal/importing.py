"""Importing one remote spectrum: it is fetched outside of a transaction and stored in one."""

from __future__ import annotations

import dataclasses
import logging

from django.contrib.auth.models import User

from triage.errors import TriageError
from triage.intake import replace, submit
from triage.intake.quarantine import UnreadableSpectrumError
from triage.models import Original, RemoteSpectrum, SkyPortalImport, SkyPortalInstance, Spectrum
from triage.services.skyportal.classifications import classified_by_people, record_classifications
from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import NotVisibleError, RefusedError, SkyPortalError, UnreachableError
from triage.services.skyportal.photometry import RemotePhotometry, read_photometry, store_photometry
from triage.services.skyportal.remote_records import RemoteFile, SkipError, Source, read_source, read_spectrum_record
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
    """Fetches spectra of one connection, and each of their sources only once."""

    def __init__(self, client: Client, instance: SkyPortalInstance) -> None:
        self.client, self.instance = client, instance
        self._sources: dict[str, Source | SkipError] = {}
        self._photometry: dict[str, RemotePhotometry | None] = {}
        self._no_photometry = False

    def fetch(self, row: RemoteSpectrum) -> Fetched:
        """Fetch one spectrum with its source. Raises SkipError if it should not be imported, else SkyPortalError."""
        source = self._source(row.remote_name)
        if self.instance.only_unclassified and classified_by_people(self.instance, row.remote_name):
            raise SkipError("classified_there", "people have already classified this source there")
        try:
            record = self.client.spectrum(row.remote_id)
        except (NotVisibleError, RefusedError) as error:
            raise SkipError("not_visible", error.detail) from error
        file = read_spectrum_record(record, self.instance.url)
        known = row.spectrum_id is not None and row.content_hash == file.sha256
        return Fetched(source, file, None if known else self._light_curve(row.remote_name))

    def _light_curve(self, name: str) -> RemotePhotometry | None:
        """Return the light curve of a source, or None.

        It never delays a spectrum: a refusal means that there is none, and after an unanswered request no other light
        curve is asked for.
        """
        if name not in self._photometry and not self._no_photometry:
            try:
                self._photometry[name] = read_photometry(self.client.photometry(name))
            except UnreachableError as error:
                self._no_photometry = True
                log.warning("SkyPortal: light curve not fetched (%s); this run asks for no other", error.detail)
            except SkyPortalError as error:
                self._photometry[name] = None
                log.info("SkyPortal: no light curve of %s, its spectrum is imported without: %s", name, error.detail)
        return self._photometry.get(name)

    def _source(self, name: str) -> Source:
        found = self._sources.get(name)
        if found is None:
            found = self._sources[name] = self._ask(name)
        if isinstance(found, SkipError):
            raise found
        return found

    def _ask(self, name: str) -> Source | SkipError:
        try:
            source = read_source(self.client.source(name))
            record_classifications(self.instance, name, self.client.classifications(name))
        except (NotVisibleError, RefusedError) as error:
            return SkipError("source_not_visible", error.detail)
        except SkipError as skip:
            return skip
        return source


def store_one(instance: SkyPortalInstance, row: RemoteSpectrum, fetched: Fetched) -> str:
    """Store one spectrum, inside the caller's transaction.

    instance: connection it came through.
    row: the remote spectrum; it is changed, and the caller saves it.
    fetched: what the server sent.

    Returns "new", "changed" or "unchanged". Raises SkipError if the file cannot be read, which is then in quarantine,
    or cannot be taken for another reason.
    """
    content_hash = fetched.file.sha256
    if row.spectrum is not None and row.content_hash == content_hash:
        outcome = "unchanged"
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
    if row.spectrum.transient is not None:
        fill_transient(row.spectrum.transient, fetched.source, instance)
        if fetched.photometry is not None:
            store_photometry(instance, row.remote_name, row.spectrum.transient, fetched.photometry)
    return outcome


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
        corrections=fetched.file.corrections,
    )
