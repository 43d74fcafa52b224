"""Files that were sent before: their records, and what a sender states anew about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q

from classifier.names import name_key
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.intake.given import Given
from triage.intake.naming import state_coordinates, state_redshift
from triage.intake.reread import is_of_target
from triage.models import Spectrum, SpectrumState
from triage.queue import entries


def records_of_files(hashes: Collection[str], group: Group | None) -> dict[str, list[Spectrum]]:
    """Return the records that an audience knows of files, by the file's SHA-256, each list in order of its parts.

    hashes: SHA-256 of each file.
    group: the audience; None for everybody.
    """
    records: dict[str, list[Spectrum]] = defaultdict(list)
    audience = Q(group=group) | Q(group__isnull=True)
    for spectrum in Spectrum.objects.filter(audience, sha256__in=hashes).order_by("part", "id"):
        records[spectrum.sha256].append(spectrum)
    return records


def choose_record(records: Sequence[Spectrum], given: Given) -> Spectrum | None:
    """Return the record of a file for the sender's audience, or None if the file is new to it.

    For an upload to a group, a readable public record counts too if it is of the target that the sender names. It tells
    nothing that was stated for the group alone.

    records: those that the audience knows, as ``records_of_files`` returns them.
    """
    exact = next((one for one in records if one.group_id == (given.group and given.group.pk)), None)
    if exact is not None:
        return exact
    public = [spectrum for spectrum in records if spectrum.state != SpectrumState.QUARANTINED]
    target = given.corrections.get("target")
    return next((spectrum for spectrum in public if not target or is_of_target(spectrum, target)), None)


def other_parts(spectrum: Spectrum) -> list[Spectrum]:
    """Return the records of a file's other spectra; none for one that is not the file's first."""
    same = Spectrum.objects.filter(sha256=spectrum.sha256, group=spectrum.group).exclude(pk=spectrum.pk)
    others = list(same.select_related("transient").order_by("part"))
    return others if all(other.part > spectrum.part for other in others) else []


def differences(spectrum: Spectrum, given: Given) -> dict[str, tuple[Any, Any]]:
    """Return the facts that were sent and differ from the record of a known file: stored and sent value by name."""
    if given.group is not None and spectrum.group_id is None:
        # Statements for a group are not offered for a record that everybody sees.
        return {}
    name = spectrum.transient.name if spectrum.transient else None
    both = {
        "transient": (name, given.transient),
        "redshift": (spectrum.stated_redshift, given.redshift),
        "observed_at": (spectrum.observed_at, given.observed_at),
        "instrument": (spectrum.instrument, given.instrument),
        "comment": (spectrum.comment, given.comment),
    }
    differ = {key: pair for key, pair in both.items() if pair[1] not in (None, "") and pair[0] != pair[1]}
    if name and given.transient and name_key(name) == name_key(given.transient):
        differ.pop("transient", None)
    return differ


def add_what_is_new(user: User, known: Spectrum, given: Given) -> tuple[str, ...]:
    """Fill in what the record of a known file lacks, and return notes about that. Nothing is overwritten."""
    if given.group is not None and known.group_id is None:
        return ("everybody sees this file already; its record stays as it was, without what was stated for the group",)
    notes = []
    with transaction.atomic():
        entries.lock(known.transient_id)
        spectrum = Spectrum.objects.select_for_update().get(pk=known.pk)
        if given.redshift is not None and spectrum.stated_redshift is None and spectrum.uploaded_by_id == user.pk:
            spectrum.stated_redshift = given.redshift
            spectrum.current_prediction = None
            spectrum.return_to_backlog()
            ring_after_commit(PROCESS_BACKLOG)
            state_redshift(spectrum.transient, given.redshift, spectrum.group)
            notes.append(f"the redshift {given.redshift} is new; the spectrum is classified again with it")
        elif given.redshift is not None and given.redshift != spectrum.stated_redshift:
            notes.append("the redshift was not used: this file was sent before, with another or by somebody else")
        notes += _fill_in(spectrum, given)
        if given.corrections and dict(given.corrections) != spectrum.corrections:
            notes.append("the corrections were not used: this file was sent before; correct its record")
        if given.transient and spectrum.transient and given.transient != spectrum.transient.name:
            notes.append(f"the name was not used: this file belongs to {spectrum.transient.name}")
        spectrum.save()
        if known.current_prediction_id != spectrum.current_prediction_id:
            entries.refresh(spectrum.transient_id)
    known.refresh_from_db()
    return tuple(notes)


def _fill_in(spectrum: Spectrum, given: Given) -> list[str]:
    """Fill in plain facts that a record lacks, and return notes about that; the caller saves the record."""
    notes = []
    for name, words in (("observed_at", "date"), ("instrument", "instrument"), ("comment", "comment")):
        if (sent := getattr(given, name)) and not getattr(spectrum, name):
            setattr(spectrum, name, sent[:120] if name == "instrument" else sent)
            notes.append(f"the {words} is new and was added")
    if given.observed_at is not None and given.observed_at == spectrum.observed_at and spectrum.date_guess:
        spectrum.drop_date_guess()
        notes.append("the date was a guess and is confirmed")
    if given.ra is not None and "coordinates" not in spectrum.receipt:
        spectrum.receipt = {**spectrum.receipt, "coordinates": [given.ra, given.dec]}
        state_coordinates(spectrum.transient, given.ra, given.dec, spectrum.group)
        notes.append("the coordinates are new and were added")
    return notes
