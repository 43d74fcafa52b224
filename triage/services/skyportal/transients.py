"""Transients of SkyPortal sources: which transient a source's spectra belong to, and what the source adds to it."""

from __future__ import annotations

from django.db.models import Q

from triage.intake.naming import known_transient
from triage.intake.reclassification import classify_again
from triage.models import BrightnessDue, OtherName, RemoteSpectrum, SkyPortalInstance, Spectrum, Transient
from triage.services.skyportal.remote_records import Source


def local_name(remote_name: str) -> str:
    """Return a source's name as a transient's name, which may hold no slash."""
    return remote_name.replace("/", "_")[:120]


def transient_name(instance: SkyPortalInstance, source: Source) -> str:
    """Return the name of the transient that a source's spectra belong to.

    It is the source's own name, unless the desk knows the transient by one of the source's other names only. A
    transient that another source of the same server belongs to is left out: the two would overrule each other for ever.
    """
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
    """Return whether the connection may write into the transient's record, which everybody sees."""
    if instance.group_id is None:
        return True
    spectra = Spectrum.objects.filter(transient=transient)
    mine = spectra.filter(group=instance.group_id)
    return mine.exists() and not spectra.exclude(pk__in=mine.values("pk")).exists()


def fill_transient(transient: Transient, source: Source, instance: SkyPortalInstance) -> None:
    """Copy to a transient what its source adds: position, other names and redshift.

    A redshift is copied only if the transient has none or has one from a SkyPortal. If it changes, the spectra are
    classified again.
    """
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
    earlier, earlier_error = transient.redshift, transient.redshift_error
    origin = f"skyportal: {source.redshift_origin}" if source.redshift_origin else "skyportal"
    transient.redshift, transient.redshift_error = source.redshift, source.redshift_error
    transient.redshift_origin = origin if source.redshift is not None else ""
    transient.save(update_fields=["redshift", "redshift_error", "redshift_origin"])
    if transient.redshift != earlier:
        classify_again(Spectrum.objects.filter(transient=transient, stated_redshift__isnull=True))
    if transient.redshift_error != earlier_error:
        BrightnessDue.objects.mark_if_measured(transient.pk)


def _follow_in_private(transient: Transient, source: Source, instance: SkyPortalInstance) -> None:
    """Copy the redshift to the spectra of this connection, and classify those again whose redshift changes.

    The transient follows if its redshift came with them and nobody else knows it.
    """
    mine = Spectrum.objects.filter(transient=transient, group=instance.group, skyportal__instance=instance)
    other = Q(stated_redshift__isnull=False)
    if source.redshift is not None:
        other = Q(stated_redshift__isnull=True) | ~Q(stated_redshift=source.redshift)
    earlier = dict(mine.filter(other).values_list("pk", "stated_redshift"))
    Spectrum.objects.filter(pk__in=earlier).update(stated_redshift=source.redshift)
    came_with_them = transient.redshift_origin == "upload" and transient.redshift in earlier.values()
    if came_with_them and _belongs_to(transient, instance):
        transient.redshift = source.redshift
        transient.redshift_origin = "" if source.redshift is None else "upload"
        transient.save(update_fields=["redshift", "redshift_origin"])
    classify_again(Spectrum.objects.filter(pk__in=earlier))
