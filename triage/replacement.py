"""A spectrum that another service has changed: a newer version of its file, or a redshift that became known."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from classifier.errors import SpectrumError
from classifier.readers import read_spectrum
from triage import queue_entries
from triage.errors import InvalidUploadError, TooLargeError, UnreadableSpectrumError
from triage.models import Original, Spectrum, SpectrumState
from triage.storing import Given, make_corrections, part_of, ring_doorbell, store_reading


def replace_original(spectrum: Spectrum, content: bytes, given: Given) -> Spectrum:
    """Take a newer version of a file into the record of an earlier one, and queue it. The earlier bytes are kept.

    Raises UnreadableSpectrumError, TooLargeError and InvalidUploadError, after which the record is as it was."""
    if len(content) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    try:
        reading = part_of(read_spectrum(content, spectrum.filename, make_corrections(given.corrections)), spectrum.part)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error.code, error.message, error.receipt, spectrum) from error
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        with transaction.atomic():
            queue_entries.lock(spectrum.transient_id)
            spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
            spectrum.original = Original.objects.get_or_create(
                sha256=sha256, defaults={"content": content, "size": len(content)}
            )[0]
            spectrum.sha256 = sha256
            spectrum.observed_at, spectrum.instrument = None, ""
            store_reading(spectrum, reading, given)
    except IntegrityError:
        raise InvalidUploadError("this version is known as another spectrum") from None
    return spectrum


def classify_again(spectra: QuerySet[Spectrum]) -> int:
    """Queue classified spectra once more, since the redshift to classify them with has changed; returns how many."""
    count = spectra.filter(state=SpectrumState.CLASSIFIED).update(
        state=SpectrumState.QUEUED, attempts=0, lease_until=None, lease_token=""
    )
    if count:
        transaction.on_commit(ring_doorbell)
    return count
