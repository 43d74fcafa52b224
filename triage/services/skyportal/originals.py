"""The file that is stored for a remote spectrum: the one that was uploaded to the server, or a table of its samples.

The uploaded one is taken only if the desk reads the server's samples from it, for its uploader knew which columns were
meant.
"""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
from django.conf import settings
from django.db.models import Q

from classifier.errors import SpectrumError
from classifier.readers import Reading, read_spectrum
from classifier.spectrum import Array
from triage.models import RemoteSpectrum, SkyPortalInstance, Spectrum
from triage.services.skyportal.remote_records import RemoteFile

# By how much two values may differ that were written with different numbers of digits, relative.
WAVELENGTH_TOLERANCE, FLUX_TOLERANCE = 1e-6, 1e-4


def with_true_original(file: RemoteFile) -> RemoteFile:
    """Return a remote spectrum without its original, unless the desk reads the server's samples from that.

    Both files are read, so call this outside of a transaction.
    """
    return file if _holds_the_samples(file) else dataclasses.replace(file, original=None)


def file_to_store(instance: SkyPortalInstance, row: RemoteSpectrum, file: RemoteFile) -> tuple[bytes, str]:
    """Return the bytes and the name of the file that is stored for a remote spectrum.

    file: as ``with_true_original`` returns it.
    """
    if file.original is not None and not _is_taken(instance, row, file):
        return file.original, file.original_name or file.filename
    return file.content, file.filename


def _holds_the_samples(file: RemoteFile) -> bool:
    """Return whether the desk reads the original as it reads the server's samples."""
    if not file.original or len(file.original) > settings.UPLOAD_MAX_BYTES:
        return False
    try:
        original, samples = read_spectrum(file.original, file.original_name), read_spectrum(file.content)
    except SpectrumError:
        return False
    return not original.others and _same(original, samples)


def _same(first: Reading, second: Reading) -> bool:
    one, other = first.spectrum, second.spectrum
    if one.wavelength.size != other.wavelength.size:
        return False
    if (one.frame, one.flux_kind) != (other.frame, other.flux_kind):
        return False
    near = np.allclose(one.wavelength, other.wavelength, rtol=WAVELENGTH_TOLERANCE, atol=0)
    return bool(near) and _near(one.flux, other.flux) and _near(one.flux_error, other.flux_error)


def _near(first: Array | None, second: Array | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.allclose(first, second, rtol=FLUX_TOLERANCE, atol=FLUX_TOLERANCE * float(np.median(np.abs(second))))


def _is_taken(instance: SkyPortalInstance, row: RemoteSpectrum, file: RemoteFile) -> bool:
    """Return whether the desk has the original already as another spectrum, or has the table of its samples.

    The same remote spectrum through another connection is no other one. An upload is one, so that it never changes with
    the server.
    """
    audience = Q(group=instance.group) | Q(group__isnull=True)
    known = Spectrum.objects.filter(audience).exclude(skyportal=row)
    same = known.filter(skyportal__remote_id=row.remote_id, skyportal__instance__url=instance.url)
    original, table = (hashlib.sha256(content or b"").hexdigest() for content in (file.original, file.content))
    others = known.filter(sha256=original).exclude(pk__in=same.values("pk"))
    return others.exists() or known.filter(sha256=table).exists()
