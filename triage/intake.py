"""How a spectrum comes in: read, kept with its original bytes, and queued for the network."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from classifier.errors import SpectrumError
from classifier.readers import Corrections, Reading, read_spectrum
from triage import logs
from triage.arrays import pack
from triage.doorbell import ring
from triage.errors import InvalidUploadError, NotFoundError, TooLargeError, UnreadableSpectrumError
from triage.models import Original, Spectrum, SpectrumArrays, SpectrumState, Transient
from triage.models.transient import validate_transient_name
from triage.outline import outline
from triage.querysets import shared_with
from triage.tasks import process_queue

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Given:
    """What the sender states of a file; None or "" where nothing is. redshift is used to classify; group None makes
    the spectrum visible to every signed-in user. beside: what a table beside the file says of it; as a guess, it may be
    overruled by the file's own header."""

    transient: str = ""
    redshift: float | None = None
    observed_at: datetime | None = None
    instrument: str = ""
    group: Group | None = None
    corrections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    beside: Mapping[str, str] = dataclasses.field(default_factory=dict)
    simulated: bool = False


@dataclasses.dataclass(frozen=True)
class Submission:
    """spectrum: the record of the file (its first part). created: False where the same bytes were known already; notes
    then say what became of anything new that was stated with them."""

    spectrum: Spectrum
    created: bool
    notes: tuple[str, ...] = ()


def submit_spectrum(user: User, content: bytes, filename: str, given: Given | None = None) -> Submission:
    """Take in one file. The same bytes for the same audience give the first record back.

    Raises InvalidUploadError and TooLargeError, after which nothing is kept, and UnreadableSpectrumError, after which
    the file lies in quarantine.
    """
    given = given or Given()
    _check(user, content, given)
    sha256 = hashlib.sha256(content).hexdigest()
    known = _find_known(user, sha256, given.group)
    if known is None:
        known = _read_and_store(user, content, Path(filename).name[:255] or f"unnamed-{sha256[:8]}", sha256, given)
        created = known is not None
    else:
        created = False
    spectrum = known or _find_known(user, sha256, given.group)
    if spectrum is None:
        raise NotFoundError("the record of this file vanished while it was stored; send it again")
    if spectrum.state == SpectrumState.QUARANTINED and not created and given.corrections:
        return Submission(read_again(user, spectrum, given.corrections, given), created=True)
    if spectrum.state == SpectrumState.QUARANTINED:
        raise UnreadableSpectrumError(spectrum.failure_code, spectrum.failure_reason, spectrum.receipt, spectrum)
    return Submission(spectrum, created, () if created else _add_what_is_new(user, spectrum, given))


def _add_what_is_new(user: User, known: Spectrum, given: Given) -> tuple[str, ...]:
    """Fill in what a known file's record lacked; what it has is not overwritten by a second upload."""
    notes = []
    with transaction.atomic():
        spectrum = Spectrum.objects.select_for_update().get(pk=known.pk)
        if given.redshift is not None and spectrum.stated_redshift is None and spectrum.uploaded_by_id == user.pk:
            spectrum.stated_redshift = given.redshift
            spectrum.current_prediction = None
            _queue(spectrum)
            if spectrum.group_id is None:
                _state_redshift(spectrum.transient, given)
            notes.append(f"the redshift {given.redshift} is new; the spectrum is classified again with it")
        elif given.redshift is not None and given.redshift != spectrum.stated_redshift:
            notes.append("the redshift was not used: this file was sent before, with another or by somebody else")
        if given.observed_at and spectrum.observed_at is None:
            spectrum.observed_at = given.observed_at
            notes.append("the date is new and was added")
        if given.instrument and not spectrum.instrument:
            spectrum.instrument = given.instrument[:120]
            notes.append("the instrument is new and was added")
        if given.transient and spectrum.transient and given.transient != spectrum.transient.name:
            notes.append(f"the name was not used: this file belongs to {spectrum.transient.name}")
        spectrum.save()
    known.refresh_from_db()
    return tuple(notes)


def _state_redshift(transient: Transient | None, given: Given) -> None:
    """Give a transient the redshift that came with a public spectrum, where it has none."""
    if transient is not None and transient.redshift is None and given.redshift is not None:
        transient.redshift, transient.redshift_origin = given.redshift, "upload"
        transient.save(update_fields=["redshift", "redshift_origin"])


def read_again(user: User, spectrum: Spectrum, corrections: Mapping[str, Any], given: Given | None = None) -> Spectrum:
    """Read the original once more with what the user states instead of the reader's guesses, and queue it. given: what
    else was stated, for a spectrum that had been in quarantine.

    Raises UnreadableSpectrumError and leaves the earlier reading as it was where the new one fails."""
    corrected = make_corrections(corrections)
    given = dataclasses.replace(given or Given(redshift=spectrum.stated_redshift), corrections=corrected.given())
    content = bytes(spectrum.original.content)
    try:
        reading = part_of(
            read_spectrum(content, spectrum.filename, corrected, spectrum.receipt.get("beside")), spectrum.part
        )
    except SpectrumError as error:
        raise UnreadableSpectrumError(error.code, error.message, error.receipt, spectrum) from error
    with transaction.atomic():
        spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
        store_reading(spectrum, reading, given)
    return spectrum


def store_reading(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    """Put another reading of a stored spectrum in place of the one before, and queue it; within a transaction."""
    _fill(spectrum, reading, given)
    spectrum.stated_redshift = given.redshift
    spectrum.reading += 1
    spectrum.current_prediction = None
    if spectrum.transient is None:
        spectrum.transient = _transient(spectrum.group, given, reading, spectrum.filename, spectrum.sha256)
    _queue(spectrum)
    spectrum.save()
    SpectrumArrays.objects.filter(spectrum=spectrum).delete()
    _arrays(spectrum, reading).save(force_insert=True)


def make_corrections(given: Mapping[str, Any]) -> Corrections:
    """Raises InvalidUploadError for an unknown name or value."""
    try:
        return Corrections(**given)
    except TypeError:
        names = ", ".join(field.name for field in dataclasses.fields(Corrections))
        raise InvalidUploadError(f"corrections may hold {names}") from None
    except SpectrumError as error:
        raise InvalidUploadError(error.message) from error


def ring_doorbell() -> None:
    """Tell the workers that there is work."""
    ring(process_queue)


def _check(user: User, content: bytes, given: Given) -> None:
    if not content:
        raise InvalidUploadError("the file is empty")
    if len(content) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    if given.group is not None and not user.groups.filter(pk=given.group.pk).exists():
        raise InvalidUploadError("you are not a member of that group")
    if given.redshift is not None and not (math.isfinite(given.redshift) and -0.1 < given.redshift < 10):
        raise InvalidUploadError("a redshift must lie between -0.1 and 10")
    if given.transient:
        try:
            validate_transient_name(given.transient)
        except ValidationError as error:
            raise InvalidUploadError(error.messages[0]) from error
        if len(given.transient) > 120 or given.transient in {".", ".."}:
            raise InvalidUploadError("a transient's name may have 120 characters, and not be . or ..")
    make_corrections(given.corrections)


def _find_known(user: User, sha256: str, group: Group | None) -> Spectrum | None:
    """The record of these bytes for this audience; for a group's upload a public record serves as well."""
    same = Spectrum.objects.filter(shared_with(user), sha256=sha256).order_by("part", "id")
    exact = same.filter(group=group).first()
    return exact or same.filter(group__isnull=True).first()


def _read_and_store(user: User, content: bytes, filename: str, sha256: str, given: Given) -> Spectrum | None:
    """The new record, or None where somebody stored the same bytes in the meantime."""
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
            blank.original = Original.objects.get_or_create(
                sha256=sha256, defaults={"content": content, "size": len(content)}
            )[0]
            if failure is not None:
                return _store_quarantined(blank, failure, given)
            stored = [_storepart_of(blank, reading, part, given) for part, reading in enumerate(readings)]
            transaction.on_commit(ring_doorbell)
    except IntegrityError:
        return None
    for spectrum in stored:
        with logs.about(spectrum=spectrum.pk):
            log.info("stored and queued")
    return stored[0]


def _store_quarantined(spectrum: Spectrum, failure: SpectrumError, given: Given) -> Spectrum:
    spectrum.state = SpectrumState.QUARANTINED
    spectrum.failure_code, spectrum.failure_reason = failure.code, failure.message
    spectrum.receipt, spectrum.corrections = failure.receipt, dict(given.corrections)
    spectrum.observed_at, spectrum.instrument = given.observed_at, given.instrument[:120]
    spectrum.save(force_insert=True)
    return spectrum


def _storepart_of(blank: Spectrum, reading: Reading, part: int, given: Given) -> Spectrum:
    values = {field.attname: getattr(blank, field.attname) for field in Spectrum._meta.concrete_fields}
    spectrum = Spectrum(**{**values, "id": None, "part": part})
    _fill(spectrum, reading, given)
    spectrum.transient = _transient(spectrum.group, given, reading, spectrum.filename, spectrum.sha256)
    spectrum.save(force_insert=True)
    _arrays(spectrum, reading).save(force_insert=True)
    return spectrum


def _fill(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    read = reading.spectrum
    spectrum.receipt, spectrum.corrections = reading.receipt, dict(given.corrections)
    spectrum.observed_at = given.observed_at or spectrum.observed_at or read.observed_at
    spectrum.instrument = (given.instrument or spectrum.instrument or read.instrument or "")[:120]
    spectrum.wavelength_min, spectrum.wavelength_max = read.wavelength_range
    spectrum.outline = outline(read.wavelength, read.flux)


def _queue(spectrum: Spectrum) -> None:
    spectrum.state = SpectrumState.QUEUED
    spectrum.failure_code = spectrum.failure_reason = ""
    spectrum.attempts, spectrum.lease_until, spectrum.lease_token = 0, None, ""
    transaction.on_commit(ring_doorbell)


def _transient(group: Group | None, given: Given, reading: Reading, filename: str, sha256: str) -> Transient:
    """The transient by the name given, else the file's object, else the file's stem; made where it does not exist.

    A redshift sent with a private spectrum stays with the spectrum, for others may see the transient."""
    stem = _clean_name(Path(filename).stem)
    name = given.transient or _clean_name(reading.spectrum.object_name) or stem or f"unnamed-{sha256[:8]}"
    transient, _ = Transient.objects.get_or_create(name=name, defaults={"simulated": given.simulated})
    if group is None:
        _state_redshift(transient, given)
    return transient


def _clean_name(name: str | None) -> str:
    # Browsers send a quotation mark in a file's name as %22.
    cleaned = "".join("_" if c == "/" else c for c in (name or "").replace("%22", '"') if c.isprintable()).strip()[:120]
    return "" if cleaned in {".", ".."} else cleaned


def _arrays(spectrum: Spectrum, reading: Reading) -> SpectrumArrays:
    read = reading.spectrum
    error = None if read.flux_error is None else pack(read.flux_error)
    return SpectrumArrays(spectrum=spectrum, wavelength=pack(read.wavelength), flux=pack(read.flux), flux_error=error)


def part_of(reading: Reading, part: int) -> Reading:
    parts = (reading, *reading.others)
    if part >= len(parts):
        raise SpectrumError("part_missing", f"read this way, the file has {len(parts)} spectra", reading.receipt)
    return parts[part]
