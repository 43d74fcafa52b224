"""Giving a spectrum to another transient, where the file's name or header said the wrong one."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef

from triage import queue_entries
from triage.errors import BoundSpectrumError, InvalidUploadError
from triage.models import ActKind, Decision, Spectrum, SpectrumAct, SpectrumState, Transient, Verdict
from triage.replacement import classify_again
from triage.storing import queue_again, transient_of_name


def move(user: User, spectrum: Spectrum, name: str) -> Spectrum:
    """Give a spectrum to the transient of this name, made where there is none, and record who did so. It is classified
    again where the redshift to use becomes another one. What else was stated of the old transient stays there.

    Raises InvalidUploadError for a name that no transient can have, and BoundSpectrumError where a decision that was
    not taken back rests on the spectrum, where it is in quarantine, or where a SkyPortal says whose it is."""
    name = name.strip()
    try:
        Transient._meta.get_field("name").clean(name, None)
    except ValidationError as error:
        raise InvalidUploadError(error.messages[0]) from error
    with transaction.atomic():
        to = transient_of_name(name, spectrum.group, simulated=spectrum.simulated)
        # In one order, and before the spectrum; see triage.queue_entries.
        for pk in sorted({spectrum.transient_id or to.pk, to.pk}):
            queue_entries.lock(pk)
        now: Spectrum = Spectrum.objects.select_for_update(of=("self",)).select_related("transient").get(pk=spectrum.pk)
        if now.transient == to:
            return now
        origin = _movable_from(now, to, known=spectrum.transient_id)
        now.transient = to
        if now.state == SpectrumState.QUEUED:
            # A worker may hold it as one of the old transient; its answer is dropped.
            queue_again(now)
        now.save()
        queue_entries.refresh(origin.pk)
        queue_entries.refresh(to.pk)
        if now.stated_redshift is None and origin.redshift != to.redshift:
            classify_again(Spectrum.objects.filter(pk=now.pk))
        detail = {"from": origin.name, "to": to.name}
        SpectrumAct.objects.create(spectrum=now, user=user, kind=ActKind.MOVED, detail=detail)
    return now


def _movable_from(spectrum: Spectrum, to: Transient, known: int | None) -> Transient:
    """The transient that it leaves; known: the one that it had when the move was asked for."""
    if spectrum.transient is None:
        raise BoundSpectrumError("it is in quarantine: its transient can be named when it is read")
    if spectrum.transient_id != known:
        raise BoundSpectrumError("somebody else moved it just now: look again")
    if spectrum.simulated != to.simulated:
        raise BoundSpectrumError("simulated and observed spectra do not share a transient")
    undone = Decision.objects.filter(supersedes=OuterRef("pk"), verdict=Verdict.UNDO)
    rests = Decision.objects.filter(spectrum=spectrum).exclude(verdict=Verdict.UNDO).filter(~Exists(undone))
    if rests.exists():
        raise BoundSpectrumError(f"{spectrum.transient} was decided on with this spectrum: take that back first")
    if spectrum.skyportal.exists():
        raise BoundSpectrumError("it was synced from a SkyPortal, which says whose it is")
    return spectrum.transient
