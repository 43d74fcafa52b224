"""Reading a kept file again, with what a user states instead of the reader's guesses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from classifier.errors import SpectrumError
from classifier.readers import Reading, read_spectrum
from triage import queue_entries
from triage.errors import UnreadableSpectrumError
from triage.models import ActKind, Spectrum, SpectrumAct, SpectrumState
from triage.storing import Given, make_corrections, part_of, ring_doorbell, store_part, store_reading


def read_again(user: User, spectrum: Spectrum, corrections: Mapping[str, Any], given: Given | None = None) -> Spectrum:
    """Read the original once more with what the user states instead of the reader's guesses, and queue it. Who did so,
    and with which corrections, is recorded. given: what else was stated, for a spectrum that had been in quarantine.

    Of a file that had been in quarantine every spectrum is stored, as if it had just been sent.
    Raises UnreadableSpectrumError and leaves the earlier reading as it was where the new one fails."""
    made_for = spectrum.receipt.get("made_for")
    corrected = make_corrections(corrections if made_for is None else {"target": made_for, **corrections})
    given = _with_what_was_stated(spectrum, given or Given())
    given = dataclasses.replace(given, corrections=corrected.given())
    reading = _read(spectrum, given)
    with transaction.atomic():
        queue_entries.lock(spectrum.transient_id)
        spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
        others = reading.others if spectrum.state == SpectrumState.QUARANTINED else ()
        # A target that was named is the only one that was read.
        part = 0 if corrected.target is not None else spectrum.part
        try:
            store_reading(spectrum, part_of(reading, part), given)
        except SpectrumError as error:
            raise UnreadableSpectrumError(error.code, error.message, error.receipt, spectrum) from error
        for number, other in enumerate(others, start=1):
            if not _same_part(spectrum, number).exists():
                store_part(_blank(spectrum, spectrum.uploaded_by, given), other, number, given)
        SpectrumAct.objects.create(spectrum=spectrum, user=user, kind=ActKind.CORRECTED, detail=corrected.given())
    return spectrum


def _with_what_was_stated(spectrum: Spectrum, given: Given) -> Given:
    """What came with the file at first counts where nothing is stated now."""
    redshift = spectrum.stated_redshift if given.redshift is None else given.redshift
    stated = given.transient or (spectrum.receipt.get("transient", "") if spectrum.transient_id is None else "")
    return dataclasses.replace(given, redshift=redshift, transient=stated)


def is_of_target(spectrum: Spectrum, target: str) -> bool:
    return target in (spectrum.corrections.get("target"), spectrum.receipt.get("part"))


def read_another_target(user: User, known: Spectrum, target: str, given: Given) -> tuple[Spectrum, bool]:
    """The record of a target of a file that is known already, and whether it had to be made.

    Raises UnreadableSpectrumError where the file has no such target."""
    same = Spectrum.objects.filter(sha256=known.sha256, group=known.group_id)
    for spectrum in same.order_by("part"):
        if is_of_target(spectrum, target):
            return spectrum, False
    reading = _read(known, given)
    with transaction.atomic():
        # Two senders of one file at once take turns.
        Spectrum.objects.select_for_update().get(pk=known.pk)
        last = same.aggregate(last=Max("part"))["last"]
        made = store_part(_blank(known, user, given), reading, last + 1, given)
        transaction.on_commit(ring_doorbell)
    return made, True


def _read(spectrum: Spectrum, given: Given) -> Reading:
    content, beside = bytes(spectrum.original.content), spectrum.receipt.get("beside")
    try:
        return read_spectrum(content, spectrum.filename, make_corrections(given.corrections), beside)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error.code, error.message, error.receipt, spectrum) from error


def _same_part(spectrum: Spectrum, part: int) -> Any:
    return Spectrum.objects.filter(sha256=spectrum.sha256, group=spectrum.group_id, part=part)


def _blank(known: Spectrum, user: User | None, given: Given) -> Spectrum:
    """A record of the same file of which nothing is read yet."""
    return Spectrum(
        group=known.group,
        uploaded_by=user,
        original=known.original,
        sha256=known.sha256,
        filename=known.filename,
        simulated=known.simulated,
        stated_redshift=given.redshift,
    )
