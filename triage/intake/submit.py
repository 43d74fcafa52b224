"""Submission of a file: it is read, stored with its original bytes, and put into the backlog."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from classifier.errors import SpectrumError
from classifier.names import name_key
from classifier.readers import Reading, read_spectrum
from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift
from triage.doorbell import PROCESS_BACKLOG, ring_after_commit
from triage.errors import InvalidUploadError, NotFoundError, TooLargeError
from triage.intake.corrections import make_corrections
from triage.intake.given import Given
from triage.intake.move import move
from triage.intake.naming import name_of_file, state_coordinates, state_redshift
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.records import store_part
from triage.intake.reread import is_of_target, read_again, read_another_target
from triage.models import Original, Spectrum, SpectrumState
from triage.models.names import validate_transient_name
from triage.operations import logs
from triage.queue import entries

__all__ = ["Given", "Submission", "submit_spectrum"]

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Submission:
    """Result of a submission.

    spectrum: record of the file's first spectrum.
    created: whether the file is new; False if the same bytes were sent before.
    notes: what became of new statements about a known file, in words.
    differences: facts that were sent now and differ from the record of a known file: stored and sent value by name.
    """

    spectrum: Spectrum
    created: bool
    notes: tuple[str, ...] = ()
    differences: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)

    @property
    def others(self) -> list[Spectrum]:
        """Return the records of the file's other spectra, if it holds several."""
        if self.spectrum.part:
            return []
        same = Spectrum.objects.filter(sha256=self.spectrum.sha256, group=self.spectrum.group, part__gt=0)
        return list(same.select_related("transient").order_by("part"))


def submit_spectrum(user: User, content: bytes, filename: str, given: Given | None = None) -> Submission:
    """Take in one file. If the same bytes were sent before for the same audience, the first record is returned.

    content: the file's bytes.
    filename: its name.
    given: statements of the sender, or None for none.

    Raises InvalidUploadError or TooLargeError, and then stores nothing. Raises UnreadableSpectrumError, and then the
    file is in quarantine. Raises NotFoundError if the record is deleted meanwhile.
    """
    given = given or Given()
    _check(user, content, given)
    sha256 = hashlib.sha256(content).hexdigest()
    known = _find_known(sha256, given)
    if known is None:
        known = _read_and_store(user, content, Path(filename).name[:255] or f"unnamed-{sha256[:8]}", sha256, given)
        created = known is not None
    else:
        created = False
    spectrum = known or _find_known(sha256, given)
    if spectrum is None:
        raise NotFoundError("the record of this file vanished while it was stored; send it again")
    if spectrum.state == SpectrumState.QUARANTINED and not created and given.corrections:
        return Submission(read_again(user, spectrum, given.corrections, given), created=True)
    target = given.corrections.get("target")
    if not created and target and spectrum.state != SpectrumState.QUARANTINED:
        another, made = read_another_target(user, spectrum, target, given)
        return Submission(another, made)
    if spectrum.state == SpectrumState.QUARANTINED:
        raise UnreadableSpectrumError(
            SpectrumError(spectrum.failure_code, spectrum.failure_reason, spectrum.receipt), spectrum
        )
    if created:
        return Submission(spectrum, created)
    notes = _add_what_is_new(user, spectrum, given)
    if (
        given.transient
        and spectrum.transient_id is None
        and spectrum.group_id == (given.group.pk if given.group else None)
    ):
        spectrum = move(user, spectrum, given.transient)
        notes = (*notes, f"the name is new: the spectrum belongs to {spectrum.transient} now")
    return Submission(spectrum, created, notes, _differences(spectrum, given))


def _differences(spectrum: Spectrum, given: Given) -> dict[str, tuple[Any, Any]]:
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


def _add_what_is_new(user: User, known: Spectrum, given: Given) -> tuple[str, ...]:
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
            if spectrum.group_id is None:
                state_redshift(spectrum.transient, given.redshift)
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
    if given.ra is not None and "coordinates" not in spectrum.receipt:
        spectrum.receipt = {**spectrum.receipt, "coordinates": [given.ra, given.dec]}
        if spectrum.group_id is None:
            state_coordinates(spectrum.transient, given.ra, given.dec)
        notes.append("the coordinates are new and were added")
    return notes


def _check(user: User, content: bytes, given: Given) -> None:
    if not content:
        raise InvalidUploadError("the file is empty")
    if len(content) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    if given.group is not None and not user.groups.filter(pk=given.group.pk).exists():
        raise InvalidUploadError("you are not a member of that group")
    if given.redshift is not None and not is_plausible_redshift(given.redshift):
        raise InvalidUploadError(f"a redshift must lie {PLAUSIBLE_REDSHIFTS}")
    if not (0 <= (given.ra or 0) < 360 and -90 <= (given.dec or 0) <= 90):
        raise InvalidUploadError("coordinates must lie within 0 to 360° and -90 to 90°")
    if given.transient:
        try:
            validate_transient_name(given.transient)
        except ValidationError as error:
            raise InvalidUploadError(error.messages[0]) from error
        if len(given.transient) > 120 or given.transient in {".", ".."}:
            raise InvalidUploadError("a transient's name may have 120 characters, and not be . or ..")
    make_corrections(given.corrections)


def _find_known(sha256: str, given: Given) -> Spectrum | None:
    """Return the record of these bytes for the sender's audience, or None.

    For an upload to a group, a readable public record counts too if it is of the target that the sender names. It tells
    nothing that was stated for the group alone.
    """
    audience = Q(group=given.group) | Q(group__isnull=True)
    same = list(Spectrum.objects.filter(audience, sha256=sha256).order_by("part", "id"))
    exact = next((spectrum for spectrum in same if spectrum.group_id == (given.group and given.group.pk)), None)
    if exact is not None:
        return exact
    public = [spectrum for spectrum in same if spectrum.state != SpectrumState.QUARANTINED]
    target = given.corrections.get("target")
    return next((spectrum for spectrum in public if not target or is_of_target(spectrum, target)), None)


def _read_and_store(user: User, content: bytes, filename: str, sha256: str, given: Given) -> Spectrum | None:
    """Read and store a new file; return its first record, or None if somebody else stored the same bytes meanwhile."""
    failure = None
    readings: list[Reading] = []
    try:
        first = read_spectrum(content, filename, make_corrections(given.corrections), given.beside)
        readings = [first, *first.others]
    except SpectrumError as error:
        failure = error
    blank = Spectrum(
        group=given.group,
        uploaded_by=user,
        sha256=sha256,
        filename=filename,
        simulated=given.simulated,
        stated_redshift=given.redshift,
    )
    try:
        with transaction.atomic():
            blank.original = Original.objects.keep(content, sha256)
            if failure is not None:
                return _store_quarantined(blank, failure, given)
            # Each part locks its transient. Two files that hold the same ones take turns, because both lock by name.
            parts = sorted(enumerate(readings), key=lambda part: _key(given, part[1], filename))
            stored = [store_part(blank, reading, number, given) for number, reading in parts]
            ring_after_commit(PROCESS_BACKLOG)
    except IntegrityError:
        return None
    for spectrum in stored:
        with logs.about(spectrum=spectrum.pk):
            log.info("stored and queued")
    return next(spectrum for spectrum in stored if not spectrum.part)


def _key(given: Given, reading: Reading, filename: str) -> str:
    found = name_of_file(given, reading, filename)
    return name_key(found.name) if found else ""


def _store_quarantined(spectrum: Spectrum, failure: SpectrumError, given: Given) -> Spectrum:
    spectrum.state = SpectrumState.QUARANTINED
    spectrum.failure_code, spectrum.failure_reason = failure.code, failure.message
    spectrum.receipt, spectrum.corrections = dict(failure.receipt), dict(given.corrections)
    if given.transient:
        # A spectrum gets its transient when it is read; triage.intake.reread uses the name then.
        spectrum.receipt["transient"] = given.transient
    if given.ra is not None:
        spectrum.receipt["coordinates"] = [given.ra, given.dec]
    spectrum.comment = given.comment
    spectrum.observed_at, spectrum.instrument = given.observed_at, given.instrument[:120]
    spectrum.save(force_insert=True)
    return spectrum
