"""Likely duplicates: files with different bytes that hold the same measurement."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

from django.db.models import Q

from classifier.same_measurement import CENTRE_TOLERANCE, WIDTH_TOLERANCE, same_measurement
from classifier.spectrum import Spectrum as ReadSpectrum
from triage.models import Spectrum, SpectrumArrays
from triage.models.arrays import unpack

# Largest number of spectra with nearly the same centre that are compared sample by sample.
MOST_COMPARED = 50
# So many spectra are sought with one query: SQLite refuses a condition of about 1,000 parts.
PORTION = 200


def mark_likely_duplicates(read: Sequence[tuple[Spectrum, ReadSpectrum]]) -> None:
    """Set the earlier record that each spectrum likely duplicates, or None.

    A duplicate gets a warning on its receipt. A public spectrum is compared with public ones, and a group's spectrum
    also with those of the group, so the mark tells nobody of a spectrum that they may not see.

    read: records of one audience, with centre and width, and the new reading of each. They are not saved here.
    """
    for start in range(0, len(read), PORTION):
        _mark_portion(read[start : start + PORTION])


def _mark_portion(read: Sequence[tuple[Spectrum, ReadSpectrum]]) -> None:
    audience = Q(group__isnull=True) | Q(group=read[0][0].group_id)
    near = functools.reduce(operator.or_, (_near(spectrum) for spectrum, _ in read))
    candidates = list(Spectrum.objects.filter(audience, near).order_by("pk").only("centre", "width"))
    for spectrum, reading in read:
        spectrum.likely_duplicate_of = None
        # A record that is read again can only duplicate an earlier one.
        earlier = (one for one in candidates if spectrum.pk is None or one.pk < spectrum.pk)
        compared = [one.pk for one in earlier if are_near(spectrum, one)]
        if compared:
            _compare(spectrum, reading, compared[:MOST_COMPARED])


def are_near(spectrum: Spectrum, other: Spectrum) -> bool:
    """Return whether centre and width of two spectra are so close that they may be one measurement."""
    if other.centre is None or other.width is None:
        return False
    (low, high), (least, most) = _around(spectrum.centre, CENTRE_TOLERANCE), _around(spectrum.width, WIDTH_TOLERANCE)
    return low <= other.centre <= high and least <= other.width <= most


def _near(spectrum: Spectrum) -> Q:
    centre, width = _around(spectrum.centre, CENTRE_TOLERANCE), _around(spectrum.width, WIDTH_TOLERANCE)
    return Q(centre__range=centre, width__range=width)


def _compare(spectrum: Spectrum, read: ReadSpectrum, others: Sequence[int]) -> None:
    """Mark a spectrum as a duplicate of the first of other spectra that has the same samples.

    others: their ids.
    """
    for arrays in SpectrumArrays.objects.filter(spectrum__in=others).order_by("spectrum_id"):
        if same_measurement((read.wavelength, read.flux), (unpack(arrays.wavelength), unpack(arrays.flux))):
            spectrum.likely_duplicate_of_id = arrays.spectrum_id
            _warn(spectrum)
            return


def keep_mark(spectrum: Spectrum) -> None:
    """Put the warning of a marked duplicate on its new receipt. The caller saves the spectrum."""
    if spectrum.likely_duplicate_of_id is not None:
        _warn(spectrum)


def _warn(spectrum: Spectrum) -> None:
    message = f"likely a duplicate: spectrum {spectrum.likely_duplicate_of_id} has the same samples in other bytes"
    warnings = [*spectrum.receipt.get("warnings", ()), {"code": "likely_duplicate", "message": message}]
    spectrum.receipt = {**spectrum.receipt, "warnings": warnings}


def _around(value: float | None, tolerance: float) -> tuple[float, float]:
    known = value or 0.0
    return known * (1 - tolerance), known * (1 + tolerance)
