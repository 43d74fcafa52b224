"""Likely duplicates: files with different bytes that hold the same measurement."""

from __future__ import annotations

from django.db.models import Q

from classifier.same_measurement import CENTRE_TOLERANCE, WIDTH_TOLERANCE, centre_and_width, same_measurement
from classifier.spectrum import Spectrum as ReadSpectrum
from triage.models import Spectrum, SpectrumArrays
from triage.models.arrays import unpack

# Largest number of spectra with nearly the same centre that are compared sample by sample.
MOST_COMPARED = 50


def mark_likely_duplicate(spectrum: Spectrum, read: ReadSpectrum) -> None:
    """Set a spectrum's centre and width, and the earlier record that it likely duplicates, or None.

    A duplicate gets a warning on its receipt. A public spectrum is compared with public ones, and a group's spectrum
    also with those of the group, so the mark tells nobody of a spectrum that they may not see.

    spectrum: record to change; it is not saved here.
    read: its new reading.
    """
    spectrum.centre, spectrum.width = centre_and_width(read.wavelength, read.flux)
    spectrum.likely_duplicate_of = None
    audience = Q(group__isnull=True) | Q(group=spectrum.group_id)
    near = Spectrum.objects.filter(
        audience,
        centre__range=_around(spectrum.centre, CENTRE_TOLERANCE),
        width__range=_around(spectrum.width, WIDTH_TOLERANCE),
    )
    if spectrum.pk is not None:
        # A record that is read again can only duplicate an earlier one.
        near = near.filter(pk__lt=spectrum.pk)
    stored = SpectrumArrays.objects.filter(spectrum__in=near.values("pk")).order_by("spectrum_id")[:MOST_COMPARED]
    for arrays in stored:
        if same_measurement((read.wavelength, read.flux), (unpack(arrays.wavelength), unpack(arrays.flux))):
            spectrum.likely_duplicate_of_id = arrays.spectrum_id
            message = f"likely a duplicate: spectrum {arrays.spectrum_id} has the same samples in other bytes"
            warnings = [*spectrum.receipt.get("warnings", ()), {"code": "likely_duplicate", "message": message}]
            spectrum.receipt = {**spectrum.receipt, "warnings": warnings}
            return


def _around(value: float, tolerance: float) -> tuple[float, float]:
    return value * (1 - tolerance), value * (1 + tolerance)
