"""Reading a stored file again, with a user's corrections in place of the reader's guesses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, QuerySet

from classifier.errors import SpectrumError
from classifier.readers import Reading
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.intake.archives import DescribedReading, describe
from triage.intake.corrections import make_corrections
from triage.intake.given import Given
from triage.intake.naming import ReadPart
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.readings import part_of, read_original
from triage.intake.records import blank, prepare_parts, store_parts, store_reading
from triage.models import ActKind, Spectrum, SpectrumAct, SpectrumState
from triage.queue import entries


def read_again(user: User, spectrum: Spectrum, corrections: Mapping[str, Any], given: Given | None = None) -> Spectrum:
    """Read the original file again, store the new reading and return the spectrum to the backlog.

    The user and the corrections are recorded. If the file was in quarantine, all its spectra are stored, as if it had
    just been sent.

    corrections: how to read the file, as ``Corrections`` of classifier.readers takes it.
    given: further statements about a file that was in quarantine, or None.

    Raises UnreadableSpectrumError if the new reading fails, and what ``describe`` raises; the earlier one then stays.
    """
    made_for = spectrum.receipt.get("made_for")
    corrected = make_corrections(corrections if made_for is None else {"target": made_for, **corrections})
    given = _with_earlier_statements(spectrum, given or Given())
    given = dataclasses.replace(given, corrections=corrected.given())
    reading = read_original(spectrum, given)
    with transaction.atomic():
        entries.lock(spectrum.transient_id)
        spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
        before = spectrum.corrections
        first, *others = _parts_to_store(spectrum, reading, given)
        spectrum.part = first.number
        store_reading(spectrum, first.reading, first.given)
        stored = set(_same_file(spectrum).values_list("part", flat=True))
        new = [part for part in others if part.number not in stored]
        blanks = [blank(spectrum, part.number, part.given, spectrum.uploaded_by) for part in new]
        parts = [ReadPart(one, part.reading, part.given) for one, part in zip(blanks, new, strict=True)]
        store_parts(parts, prepare_parts(parts))
        after = spectrum.corrections
        changed = {name: [before.get(name), after.get(name)] for name in sorted({*before, *after})}
        detail = {name: [old, new] for name, (old, new) in changed.items() if old != new}
        SpectrumAct.objects.create(
            spectrum=spectrum, group=spectrum.group, user=user, kind=ActKind.CORRECTED, detail=detail
        )
    return spectrum


def _parts_to_store(spectrum: Spectrum, reading: Reading, given: Given) -> list[DescribedReading]:
    """Return the spectrum of a record, or all of its file if that was in quarantine.

    Raises UnreadableSpectrumError if there is none, and what ``describe`` raises.
    """
    try:
        own = part_of(reading, spectrum, given)
        _check_host_was_taken(own, given)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error, spectrum) from error
    if spectrum.state == SpectrumState.QUARANTINED:
        return describe(bytes(spectrum.original.content), (reading, *reading.others), given)
    return [DescribedReading(spectrum.part, own, given)]


def _check_host_was_taken(reading: Reading, given: Given) -> None:
    """Raise SpectrumError if the host's light was to be taken off and was left in."""
    if "host_light" not in given.corrections:
        return
    for warning in reading.receipt["warnings"]:
        if warning["code"] == "host_left":
            raise SpectrumError(warning["code"], warning["message"], reading.receipt)


def _with_earlier_statements(spectrum: Spectrum, given: Given) -> Given:
    """Return the statements, completed by those that came with the file at first."""
    redshift = spectrum.stated_redshift if given.redshift is None else given.redshift
    stated = given.transient or (spectrum.receipt.get("transient", "") if spectrum.transient_id is None else "")
    return dataclasses.replace(given, redshift=redshift, transient=stated)


def is_of_target(spectrum: Spectrum, target: str) -> bool:
    """Return whether a record holds the named target of its file."""
    return target in (spectrum.corrections.get("target"), spectrum.receipt.get("part"))


def read_another_target(user: User, known: Spectrum, target: str, given: Given) -> tuple[Spectrum, bool]:
    """Return the record of one target of a known file, and whether it is new.

    known: record of any target of the file.

    Raises UnreadableSpectrumError if the file has no such target.
    """
    same = _same_file(known)
    for spectrum in same.order_by("part"):
        if is_of_target(spectrum, target):
            return spectrum, False
    reading = read_original(known, given)
    with transaction.atomic():
        # Two senders of one file at once take turns.
        Spectrum.objects.select_for_update().get(pk=known.pk)
        last = same.aggregate(last=Max("part"))["last"]
        made = blank(known, last + 1, given, user)
        parts = [ReadPart(made, reading, given)]
        store_parts(parts, prepare_parts(parts))
        ring_after_commit(PROCESS_BACKLOG)
    return made, True


def _same_file(spectrum: Spectrum) -> QuerySet[Spectrum]:
    return Spectrum.objects.filter(sha256=spectrum.sha256, group=spectrum.group_id)
