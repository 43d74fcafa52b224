"""Whether two spectra are the same measurement: saved in another format or unit, or multiplied by a factor."""

from __future__ import annotations

import numpy as np

from classifier.spectrum import MIN_SAMPLES, Array

# By how much centre and width of copies may differ, relative: rounding and a few lost samples.
CENTRE_TOLERANCE, WIDTH_TOLERANCE = 4e-4, 2e-3
# Of the longer one's range that both must cover, and of its samples that the other must have.
_SHARED, _SAMPLES = 0.95, 0.9
# What may be left between copies: of the scatter between neighbouring samples, and of the flux itself (rounding).
_OF_SCATTER, _OF_FLUX = 0.1, 1e-3


def centre_and_width(wavelength: Array, flux: Array) -> tuple[float, float]:
    """Mean and standard deviation of the wavelengths in Å, weighted by |flux|: nearly the same two numbers for every
    copy of a spectrum, whatever its unit and scale. wavelength, flux: (n,), ascending."""
    weight = np.abs(flux) * np.gradient(wavelength)
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(weight.size, 1 / weight.size)
    centre = float(weight @ wavelength)
    return centre, float(np.sqrt(weight @ (wavelength - centre) ** 2))


def same_measurement(first: tuple[Array, Array], second: tuple[Array, Array]) -> bool:
    """Whether one (wavelength, flux) is the other times a factor, to the last wiggle of its noise.

    Two exposures of one object differ by their noise and are not the same; neither are copies on another grid of
    samples, which no reader can tell from a smoother exposure."""
    (wave, flux), (other_wave, other_flux) = sorted((first, second), key=lambda pair: pair[0].size)
    low, high = max(wave[0], other_wave[0]), min(wave[-1], other_wave[-1])
    widest = max(np.ptp(wave), np.ptp(other_wave))
    inside = (wave >= low) & (wave <= high)
    if high - low < _SHARED * widest or inside.sum() < max(MIN_SAMPLES, _SAMPLES * other_wave.size):
        return False
    flux, matched = flux[inside], np.interp(wave[inside], other_wave, other_flux)
    power = float(matched @ matched)
    if not power > 0:
        return False
    factor = float(flux @ matched) / power
    left = float(np.median(np.abs(flux - factor * matched)))
    scatter = float(np.median(np.abs(np.diff(flux))))
    return factor > 0 and left <= max(_OF_SCATTER * scatter, _OF_FLUX * float(np.median(np.abs(flux))))
