"""How a spectrum comes in: read, kept with its original bytes, and queued for the network."""

from __future__ import annotations

import dataclasses
import hashlib
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
from triage.arrays import pack
from triage.doorbell import ring
from triage.errors import InvalidUploadError, NotFoundError, TooLargeError, UnreadableSpectrumError
from triage.models import Original, Spectrum, SpectrumArrays, SpectrumState, Transient
from triage.models.transient import validate_transient_name
from triage.outline import outline
from triage.querysets import shared_with
from triage.tasks import process_queue


@dataclasses.dataclass(frozen=True)
class Given:
    """What the sender states of a file; None or "" where nothing is. redshift is used to classify; group None makes
    the spectrum visible to every signed-in user."""

    transient: str = ""
    redshift: float | None = None
    observed_at: datetime | None = None
    instrument: str = ""
    group: Group | None = None
    corrections: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    simulated: bool = False


@dataclasses.dataclass(frozen=True)
class Submission:
    """spectrum: the record of the file (its first part). created: False where the same bytes were known already."""

    spectrum: Spectrum
    created: bool


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
        known = _read_and_store(user, content, Path(filename).name[:255] or "unnamed", sha256, given)
        created = known is not None
    else:
        created = False
    spectrum = known or _find_known(user, sha256, given.group)
    if spectrum is None:
        raise NotFoundError("the record of this file vanished while it was stored; send it again")
    if spectrum.state == SpectrumState.QUARANTINED:
        raise UnreadableSpectrumError(spectrum.failure_code, spectrum.failure_reason, spectrum.receipt, spectrum)
    return Submission(spectrum, created)


def read_again(user: User, spectrum: Spectrum, corrections: Mapping[str, Any]) -> Spectrum:
    """Read the original once more with what the user states instead of the reader's guesses, and queue it.

    Raises UnreadableSpectrumError and leaves the earlier reading as it was where the new one fails."""
    corrected = make_corrections(corrections)
    content = bytes(spectrum.original.content)
    try:
        reading = _part(read_spectrum(content, spectrum.filename, corrected), spectrum.part)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error.code, error.message, error.receipt, spectrum) from error
    with transaction.atomic():
        spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
        _store_reading(spectrum, reading, Given(corrections=corrected.given()))
    return spectrum


def replace_original(spectrum: Spectrum, content: bytes, given: Given) -> Spectrum:
    """Take a newer version of a file into the record of an earlier one, and queue it. The earlier bytes are kept.

    Raises UnreadableSpectrumError and InvalidUploadError, after which the record is as it was."""
    if len(content) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    corrected = make_corrections(given.corrections)
    try:
        reading = _part(read_spectrum(content, spectrum.filename, corrected), spectrum.part)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error.code, error.message, error.receipt, spectrum) from error
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        with transaction.atomic():
            spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
            spectrum.original = Original.objects.get_or_create(
                sha256=sha256, defaults={"content": content, "size": len(content)}
            )[0]
            spectrum.sha256, spectrum.stated_redshift = sha256, given.redshift
            spectrum.observed_at, spectrum.instrument = None, ""
            _store_reading(spectrum, reading, given)
    except IntegrityError:
        raise InvalidUploadError("this version is known as another spectrum") from None
    return spectrum


def queue_again(transient: Transient) -> int:
    """Have the spectra of a transient classified once more, since its known redshift has changed; returns how many.
    Those that were sent with a redshift of their own are classified with that, and need not be."""
    spectra = Spectrum.objects.filter(transient=transient, state=SpectrumState.CLASSIFIED, stated_redshift__isnull=True)
    count = spectra.update(state=SpectrumState.QUEUED, attempts=0, lease_until=None, lease_token="")
    if count:
        transaction.on_commit(ring_doorbell)
    return count


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
        first = read_spectrum(content, filename, make_corrections(given.corrections))
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
            stored = [_store_part(blank, reading, part, given) for part, reading in enumerate(readings)]
            transaction.on_commit(ring_doorbell)
            return stored[0]
    except IntegrityError:
        return None


def _store_quarantined(spectrum: Spectrum, failure: SpectrumError, given: Given) -> Spectrum:
    spectrum.state = SpectrumState.QUARANTINED
    spectrum.failure_code, spectrum.failure_reason = failure.code, failure.message
    spectrum.receipt, spectrum.corrections = failure.receipt, dict(given.corrections)
    spectrum.observed_at, spectrum.instrument = given.observed_at, given.instrument[:120]
    spectrum.save(force_insert=True)
    return spectrum


def _store_part(blank: Spectrum, reading: Reading, part: int, given: Given) -> Spectrum:
    values = {field.attname: getattr(blank, field.attname) for field in Spectrum._meta.concrete_fields}
    spectrum = Spectrum(**{**values, "id": None, "part": part})
    _fill(spectrum, reading, given)
    spectrum.transient = _transient(spectrum.group, given, reading, spectrum.filename)
    spectrum.save(force_insert=True)
    _arrays(spectrum, reading).save(force_insert=True)
    return spectrum


def _store_reading(spectrum: Spectrum, reading: Reading, given: Given) -> None:
    """Another reading of a stored spectrum, in place of the one before."""
    _fill(spectrum, reading, given)
    spectrum.reading += 1
    spectrum.current_prediction = None
    if spectrum.transient is None:
        spectrum.transient = _transient(spectrum.group, given, reading, spectrum.filename)
    _queue(spectrum)
    spectrum.save()
    SpectrumArrays.objects.filter(spectrum=spectrum).delete()
    _arrays(spectrum, reading).save(force_insert=True)


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


def _transient(group: Group | None, given: Given, reading: Reading, filename: str) -> Transient:
    """The transient by the name given, else the file's object, else the file's stem; made where it does not exist.

    A redshift sent with a private spectrum becomes the transient's only where the transient is new, since others may
    see it; the spectrum keeps its own copy in any case."""
    name = given.transient or _clean_name(reading.spectrum.object_name) or _clean_name(Path(filename).stem)
    transient, created = Transient.objects.get_or_create(name=name, defaults={"simulated": given.simulated})
    unknown = transient.redshift is None and given.redshift is not None
    if unknown and (created or group is None):
        transient.redshift, transient.redshift_origin = given.redshift, "upload"
        transient.save(update_fields=["redshift", "redshift_origin"])
    return transient


def _clean_name(name: str | None) -> str:
    cleaned = "".join("_" if c == "/" else c for c in (name or "") if c.isprintable()).strip()[:120]
    return "" if cleaned in {".", ".."} else cleaned


def _arrays(spectrum: Spectrum, reading: Reading) -> SpectrumArrays:
    read = reading.spectrum
    error = None if read.flux_error is None else pack(read.flux_error)
    return SpectrumArrays(spectrum=spectrum, wavelength=pack(read.wavelength), flux=pack(read.flux), flux_error=error)


def _part(reading: Reading, part: int) -> Reading:
    parts = (reading, *reading.others)
    if part >= len(parts):
        raise SpectrumError("part_missing", f"read this way, the file has {len(parts)} spectra", reading.receipt)
    return parts[part]
