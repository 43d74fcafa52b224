"""Naming a spectrum, moving it to another transient, or taking a wrong name from it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.errors import BoundSpectrumError
from triage.intake.disclosure import admit, withdraw
from triage.intake.naming import NamedBy, check_name, state_coordinates, state_redshift, transient_of_name
from triage.intake.reclassification import classify_again
from triage.models import ActKind, Brightness, BrightnessDue, Decision, Spectrum, SpectrumAct, SpectrumState, Transient
from triage.models.spectrum import SpectrumQuerySet
from triage.queue import entries


def move(user: User, spectrum: Spectrum, name: str) -> Spectrum:
    """Move a spectrum to the transient of this name, and record who moved it. The rest is as in ``move_with_source``.

    If the spectrum was unnamed, its unnamed copies get the name too.

    Raises BoundSpectrumError also if the spectrum came from a SkyPortal, which says whose it is.
    """
    if spectrum.skyportal.exists():
        raise BoundSpectrumError("it was synced from a SkyPortal, which says whose it is")
    with transaction.atomic():
        moved = move_with_source(user, spectrum, name)
        if spectrum.transient_id is None and moved.transient is not None:
            for copy in _unnamed_copies(moved):
                move_with_source(user, copy, moved.transient.name)
    return moved


def _unnamed_copies(spectrum: Spectrum) -> SpectrumQuerySet:
    """Return the unnamed spectra of the same audience that hold the same measurement."""
    first = spectrum.likely_duplicate_of_id or spectrum.pk
    copies = Spectrum.objects.unnamed().filter(Q(pk=first) | Q(likely_duplicate_of=first), skyportal__isnull=True)
    return copies.filter(group=spectrum.group, simulated=spectrum.simulated).exclude(pk=spectrum.pk).order_by("pk")


def move_with_source(user: User, spectrum: Spectrum, name: str) -> Spectrum:
    """Move a spectrum to the transient of this name, and record who moved it.

    The transient is made if it does not exist. If the known redshift differs, the spectrum is classified again. Other
    statements about the old transient stay there.

    name: name of the new transient, in any spelling, or "" to leave the spectrum unnamed.

    Raises InvalidUploadError if no transient can have this name. Raises BoundSpectrumError if a decision in force rests
    on the spectrum, it is in quarantine, somebody else has just moved it, or only one of spectrum and transient is
    simulated.
    """
    name = name.strip()
    if name:
        check_name(name)
    with transaction.atomic():
        # Transients are locked before the spectrum; see triage.queue.entries.
        if name:
            here, simulated = spectrum.transient_id, spectrum.simulated
            to: Transient | None = transient_of_name(name, spectrum.group, user, simulated=simulated, beside=here)
        else:
            to = None
            entries.lock(spectrum.transient_id)
        now: Spectrum = (
            Spectrum.objects.select_for_update(of=("self",)).select_related("transient", "group").get(pk=spectrum.pk)
        )
        if now.transient == to:
            return now
        _check_movable(now, to, known=spectrum.transient_id)
        if to is not None:
            admit(to, now.group)
        origin, now.transient = now.transient, to
        now.receipt = {**now.receipt, "named_by": NamedBy.PERSON if to else None}
        if now.state == SpectrumState.QUEUED:
            # A worker may be classifying it as the old transient's; this makes it drop its answer.
            now.return_to_backlog()
            ring_after_commit(PROCESS_BACKLOG)
        now.save()
        _take_from_light_curve(now, origin, to)
        withdraw(origin)
        state_redshift(to, now.stated_redshift, now.group)
        ra, dec = now.receipt.get("coordinates", (None, None))
        state_coordinates(to, ra, dec, now.group)
        for transient in (origin, to):
            entries.refresh(transient.pk if transient else None)
        if now.stated_redshift is None and _redshift(origin) != _redshift(to):
            classify_again(Spectrum.objects.filter(pk=now.pk))
            now.refresh_from_db()
        detail = {"from": origin.name if origin else None, "to": to.name if to else None}
        SpectrumAct.objects.create(spectrum=now, group=now.group, user=user, kind=ActKind.MOVED, detail=detail)
    return now


def _take_from_light_curve(spectrum: Spectrum, origin: Transient | None, to: Transient | None) -> None:
    """Drop what the old transient's light curve says about a spectrum; that of the new one is asked."""
    for pk in sorted(transient.pk for transient in (origin, to) if transient is not None):
        # This waits for a worker that is computing with the old transient.
        BrightnessDue.objects.mark(pk)
    Brightness.objects.filter(prediction__spectrum=spectrum).delete()


def _redshift(transient: Transient | None) -> float | None:
    return transient.redshift if transient else None


def _check_movable(spectrum: Spectrum, to: Transient | None, known: int | None) -> None:
    """Raise BoundSpectrumError if a spectrum may not be moved.

    known: id of its transient when the move was asked for, or None if it had none.
    """
    if spectrum.state == SpectrumState.QUARANTINED:
        raise BoundSpectrumError("it is in quarantine: its transient can be named when it is read")
    if spectrum.transient_id != known:
        raise BoundSpectrumError("somebody else moved it just now: look again")
    if to is not None and spectrum.simulated != to.simulated:
        raise BoundSpectrumError("simulated and observed spectra do not share a transient")
    if Decision.objects.filter(spectrum=spectrum).in_force().exists():
        raise BoundSpectrumError(f"{spectrum.transient} was decided on with this spectrum: take that back first")
