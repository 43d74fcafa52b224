"""Samples of a spectrum, stored apart from its record."""

from __future__ import annotations

import numpy as np
from django.db import models
from numpy.typing import NDArray

from classifier.signal_to_noise import Signal, signal_to_noise


def pack(values: NDArray[np.float64]) -> bytes:
    """Return samples (n,) as the little-endian float32 bytes that SpectrumArrays stores."""
    return values.astype("<f4").tobytes()


def unpack(content: bytes | memoryview) -> NDArray[np.float64]:
    """Return stored samples as float64 (n,), with the precision of float32. Inverse of ``pack``."""
    return np.frombuffer(bytes(content), dtype="<f4").astype(np.float64)


class SpectrumArrays(models.Model):
    """Samples of one spectrum as little-endian float32, stored apart from the record so that lists stay small.

    spectrum: the record.
    wavelength: (n,) Å, ascending, in the frame of the file.
    flux: (n,).
    flux_error: (n,) 1σ, or None if the file gives no errors.
    """

    spectrum = models.OneToOneField(
        "triage.Spectrum", on_delete=models.CASCADE, primary_key=True, related_name="arrays"
    )
    wavelength = models.BinaryField()
    flux = models.BinaryField()
    flux_error = models.BinaryField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "spectrum arrays"

    def __str__(self) -> str:
        return f"arrays of spectrum {self.spectrum_id}"

    def signal(self) -> Signal | None:
        """Return the signal-to-noise ratio, measured now, or None if it cannot be measured."""
        error = None if self.flux_error is None else unpack(self.flux_error)
        return signal_to_noise(unpack(self.wavelength), unpack(self.flux), error)
