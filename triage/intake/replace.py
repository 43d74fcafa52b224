"""Changes of a spectrum by another service: a newer version of its file."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import IntegrityError, transaction

from classifier.errors import SpectrumError
from classifier.readers import read_spectrum
from triage.errors import InvalidUploadError, TooLargeError
from triage.intake.corrections import make_corrections
from triage.intake.given import Given
from triage.intake.quarantine import UnreadableSpectrumError
from triage.intake.readings import part_of
from triage.intake.records import store_reading
from triage.models import Original, Spectrum
from triage.queue import entries


def replace_original(spectrum: Spectrum, content: bytes, given: Given) -> Spectrum:
    """Store a newer version of a file in the record of the earlier one, and return the spectrum to the backlog.

    The earlier bytes are kept.

    Raises UnreadableSpectrumError, TooLargeError or InvalidUploadError; the record then stays as it was.
    """
    if len(content) > settings.UPLOAD_MAX_BYTES:
        raise TooLargeError(f"a spectrum file may have {settings.UPLOAD_MAX_BYTES >> 20} MiB")
    try:
        read = read_spectrum(content, spectrum.filename, make_corrections(given.corrections))
        reading = part_of(read, spectrum, given)
    except SpectrumError as error:
        raise UnreadableSpectrumError(error, spectrum) from error
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        with transaction.atomic():
            entries.lock(spectrum.transient_id)
            spectrum = Spectrum.objects.select_for_update().get(pk=spectrum.pk)
            spectrum.original = Original.objects.keep({sha256: content})[sha256]
            spectrum.sha256 = sha256
            spectrum.observed_at, spectrum.instrument = None, ""
            store_reading(spectrum, reading, given)
    except IntegrityError:
        raise InvalidUploadError("this version is known as another spectrum") from None
    return spectrum
