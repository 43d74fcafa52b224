"""Storing one fetched spectrum, with what its source adds to its transient, in one transaction."""

from __future__ import annotations

from django.utils import timezone

from triage.accounts.machines import machine_user
from triage.errors import TriageError
from triage.intake import replace, submit
from triage.intake.move import move_with_source
from triage.intake.naming import known_transient
from triage.intake.quarantine import UnreadableSpectrumError
from triage.models import Original, RemoteSource, RemoteSpectrum, SkyPortalImport, SkyPortalInstance, Spectrum
from triage.services.skyportal.fetching import Fetched, is_known
from triage.services.skyportal.originals import file_to_store
from triage.services.skyportal.photometry import store_photometry
from triage.services.skyportal.remote_records import SkipError, Source
from triage.services.skyportal.transients import fill_transient, transient_name

SERVICE_USER = "skyportal"


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
    if row.spectrum is not None and is_known(row, fetched.file):
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
        spectrum.transient = move_with_source(machine_user(SERVICE_USER, instance.group), spectrum, name).transient
    except TriageError as error:
        raise SkipError("moved_there", f"it belongs to {source.name} there by now, but {error.detail}") from error


def _take_in(instance: SkyPortalInstance, row: RemoteSpectrum, fetched: Fetched) -> Spectrum:
    given = _given(instance, fetched)
    content, filename = file_to_store(instance, row, fetched.file)
    try:
        # A spectrum that everybody sees does not follow changes that only this group is shown.
        if row.spectrum is not None and row.spectrum.group_id == instance.group_id:
            return replace.replace_original(row.spectrum, content, given)
        user = machine_user(SERVICE_USER, instance.group)
        return submit.submit_spectrum(user, content, filename, given).spectrum
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
