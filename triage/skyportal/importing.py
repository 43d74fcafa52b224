"""One remote spectrum into the desk: fetched without a transaction, stored in one."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q

from classifier.taxonomy import load_taxonomy
from triage import intake, replacement
from triage.errors import TriageError, UnreadableSpectrumError
from triage.models import (
    Original,
    OtherName,
    RemoteClassification,
    RemoteSpectrum,
    SkyPortalImport,
    SkyPortalInstance,
    SkyPortalPost,
    Spectrum,
    Transient,
)
from triage.skyportal.client import Client
from triage.skyportal.errors import NotVisibleError, RefusedError, SkyPortalError, UnreachableError
from triage.skyportal.payload import (
    RemoteFile,
    SkipError,
    Source,
    moment,
    number,
    read_source,
    read_spectrum_record,
    text,
)
from triage.skyportal.photometry import RemotePhotometry, read_photometry, store_photometry
from triage.storing import known_transient

log = logging.getLogger(__name__)

SERVICE_USER = "skyportal"


@dataclasses.dataclass(frozen=True)
class Fetched:
    """All that is needed to store one spectrum. photometry: of its source, None where it was not asked for or not
    had."""

    source: Source
    file: RemoteFile
    photometry: RemotePhotometry | None


def service_user(instance: SkyPortalInstance) -> User:
    """Whose uploads imported spectra are: nobody can sign in as this user."""
    user, created = User.objects.get_or_create(username=SERVICE_USER)
    if created:
        user.set_unusable_password()
        user.save()
    if instance.group is not None:
        user.groups.add(instance.group)
    return user


class Fetcher:
    """Asks for spectra and their sources; for each source once, however many spectra it has."""

    def __init__(self, client: Client, instance: SkyPortalInstance) -> None:
        self.client, self.instance = client, instance
        self._sources: dict[str, Source | SkipError] = {}
        self._photometry: dict[str, RemotePhotometry | None] = {}
        self._no_photometry = False

    def fetch(self, row: RemoteSpectrum) -> Fetched:
        """The source, what is said of it, and the samples. Raises SkipError with the reason not to import it."""
        source = self._source(row.remote_name)
        if self.instance.only_unclassified and classified_by_people(self.instance, row.remote_name):
            raise SkipError("classified_there", "people have classified the source there")
        try:
            record = self.client.spectrum(row.remote_id)
        except (NotVisibleError, RefusedError) as error:
            raise SkipError("not_visible", error.detail) from error
        file = read_spectrum_record(record, self.instance.url)
        known = row.spectrum_id is not None and row.content_hash == file.sha256
        return Fetched(source, file, None if known else self._light_curve(row.remote_name))

    def _light_curve(self, name: str) -> RemotePhotometry | None:
        """Once for each source. It holds up no spectrum: where it is refused there is none, and after a failure no
        other is asked for."""
        if name not in self._photometry and not self._no_photometry:
            try:
                self._photometry[name] = read_photometry(self.client.photometry(name))
            except UnreachableError as error:
                self._no_photometry = True
                log.warning("SkyPortal: no light curves for now: %s", error.detail)
            except SkyPortalError as error:
                self._photometry[name] = None
                log.info("SkyPortal: no light curve of %s: %s", name, error.detail)
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


def classified_by_people(instance: SkyPortalInstance, name: str) -> bool:
    """Whether a classification stands there that neither a machine nor this desk has made."""
    rows = RemoteClassification.objects.filter(instance=instance, remote_name=name, machine=False, ours=False)
    return rows.exists()


def store_one(instance: SkyPortalInstance, row: RemoteSpectrum, fetched: Fetched) -> str:
    """Store what was fetched, inside a transaction of the caller; returns "new", "changed" or "unchanged".

    Raises SkipError where the desk cannot take the file; one that cannot be read lies in quarantine then."""
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
        # A record of everybody's, which served a group as well, does not follow what the group alone is shown.
        if row.spectrum is not None and row.spectrum.group_id == instance.group_id:
            return replacement.replace_original(row.spectrum, fetched.file.content, given)
        user = service_user(instance)
        return intake.submit_spectrum(user, fetched.file.content, fetched.file.filename, given).spectrum
    except UnreadableSpectrumError as error:
        row.spectrum = error.spectrum
        raise SkipError(error.code, error.detail) from error
    except TriageError as error:
        raise SkipError(error.code, error.detail) from error


def _given(instance: SkyPortalInstance, fetched: Fetched) -> intake.Given:
    """A private source's redshift goes with the spectrum, for others may see the transient."""
    return intake.Given(
        transient=transient_name(instance, fetched.source),
        redshift=None if instance.group is None else fetched.source.redshift,
        observed_at=fetched.file.observed_at,
        instrument=fetched.file.instrument,
        group=instance.group,
        corrections=fetched.file.corrections,
    )


def local_name(remote_name: str) -> str:
    """A source's name as a transient's, which may hold no slash."""
    return remote_name.replace("/", "_")[:120]


def transient_name(instance: SkyPortalInstance, source: Source) -> str:
    """The source's own, else the one that the desk knows by another name of the source, as long as no other source of
    that server is it already: two of them would overrule each other for ever."""
    name = local_name(source.name)
    if known_transient(name, instance.group) is None:
        for alias in source.aliases:
            found = known_transient(local_name(alias), instance.group)
            if found is not None and not _of_another_source(instance, source, found):
                return found.name
    return name


def _of_another_source(instance: SkyPortalInstance, source: Source, transient: Transient) -> bool:
    rows = RemoteSpectrum.objects.filter(instance=instance, spectrum__transient=transient)
    return rows.exclude(remote_name=source.name).exists()


def _belongs_to(transient: Transient, instance: SkyPortalInstance) -> bool:
    """Whether what the instance's group knows of a transient may be written into its shared record."""
    if instance.group_id is None:
        return True
    spectra = Spectrum.objects.filter(transient=transient)
    mine = spectra.filter(group=instance.group_id)
    return mine.exists() and not spectra.exclude(pk__in=mine.values("pk")).exists()


def fill_transient(transient: Transient, source: Source, instance: SkyPortalInstance) -> None:
    """Take over what the source knows more: position, names, and the redshift where ours came from there or is not
    known. Where the redshift changes, the spectra are classified again."""
    if _belongs_to(transient, instance):
        if transient.ra is None or transient.dec is None:
            transient.ra, transient.dec = source.ra, source.dec
        transient.save(update_fields=["ra", "dec"])
    names = {local_name(name) for name in (source.name, *source.aliases)} - {transient.name}
    OtherName.objects.bulk_create(
        (OtherName(transient=transient, group=instance.group, name=name) for name in sorted(names)),
        ignore_conflicts=True,
    )
    if instance.group is None:
        _follow_in_public(transient, source)
    else:
        _follow_in_private(transient, source, instance)


def _follow_in_public(transient: Transient, source: Source) -> None:
    if transient.redshift is not None and not transient.redshift_origin.startswith("skyportal"):
        return
    earlier = transient.redshift
    origin = f"skyportal: {source.redshift_origin}" if source.redshift_origin else "skyportal"
    transient.redshift, transient.redshift_error = source.redshift, source.redshift_error
    transient.redshift_origin = origin if source.redshift is not None else ""
    transient.save(update_fields=["redshift", "redshift_error", "redshift_origin"])
    if transient.redshift != earlier:
        replacement.classify_again(Spectrum.objects.filter(transient=transient, stated_redshift__isnull=True))


def _follow_in_private(transient: Transient, source: Source, instance: SkyPortalInstance) -> None:
    """The spectra of this connection carry the redshift themselves."""
    mine = Spectrum.objects.filter(transient=transient, group=instance.group, skyportal__instance=instance)
    other = Q(stated_redshift__isnull=False)
    if source.redshift is not None:
        other = Q(stated_redshift__isnull=True) | ~Q(stated_redshift=source.redshift)
    ids = list(mine.filter(other).values_list("pk", flat=True))
    Spectrum.objects.filter(pk__in=ids).update(stated_redshift=source.redshift)
    replacement.classify_again(Spectrum.objects.filter(pk__in=ids))


def record_classifications(instance: SkyPortalInstance, name: str, rows: list[dict[str, Any]]) -> None:
    """Keep what is said of one source; the rows are all there are, so that others were taken back."""
    ids = [remote_id for row in rows if (remote_id := record_classification(instance, name, row)) is not None]
    gone = RemoteClassification.objects.filter(instance=instance, remote_name=name).exclude(remote_id__in=ids)
    gone.delete()


def record_classification(instance: SkyPortalInstance, name: str, row: dict[str, Any]) -> int | None:
    """The server's id of one classification, now kept; None for a row that has none."""
    remote_id = row.get("id")
    if not isinstance(remote_id, int) or isinstance(remote_id, bool):
        return None
    said = text(row.get("classification"))
    origin = text(row.get("origin"), 2000)
    mine = SkyPortalPost.objects.filter(instance=instance, remote_name=name)
    RemoteClassification.objects.update_or_create(
        instance=instance,
        remote_id=remote_id,
        defaults={
            "remote_name": name,
            "name": said,
            "class_name": class_of(said),
            "probability": number(row.get("probability")),
            "machine": row.get("ml") is True,
            "ours": any(key in origin for key in mine.values_list("key", flat=True)),
            "author": text(row.get("author_name")),
            "origin": origin,
            "remote_modified": moment(row.get("modified")),
        },
    )
    return remote_id


def class_of(name: str) -> str:
    """Our class for a name of the server's taxonomy, "" if there is none."""
    taxonomy = load_taxonomy()
    exact = next((entry.name for entry in taxonomy.classes if entry.skyportal == name), "")
    found = taxonomy.find(name)
    return exact or (found.name if found else "")
