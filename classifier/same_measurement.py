"""Test of whether two spectra are the same measurement, saved in another format or unit, or scaled by a factor."""

from __future__ import annotations

import numpy as np

from classifier.spectrum import MIN_SAMPLES, Array

# By how much centre and width of two copies may differ, relative. Rounding and a few lost samples change them.
CENTRE_TOLERANCE, WIDTH_TOLERANCE = 4e-4, 2e-3
# Share of the longer spectrum's range that both must cover, and share of its samples that the other must have.
_SHARED, _SAMPLES = 0.95, 0.9
# By how much two copies may differ: a share of the scatter between neighbouring samples, or, for rounding, a share of
# the flux. The larger of the two counts.
_SHARE_OF_SCATTER, _SHARE_OF_FLUX = 0.1, 1e-3


def centre_and_width(wavelength: Array, flux: Array) -> tuple[float, float]:
    """Return mean and standard deviation of the wavelengths in Å, weighted by |flux|.

    The two numbers are nearly the same for every copy of a spectrum, whatever its unit and scale.

    wavelength: (n,) Å, ascending.
    flux: (n,) in any unit.
    """
    weight = np.abs(flux) * np.gradient(wavelength)
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(weight.size, 1 / weight.size)
    centre = float(weight @ wavelength)
    return centre, float(np.sqrt(weight @ (wavelength - centre) ** 2))


def same_measurement(first: tuple[Array, Array], second: tuple[Array, Array]) -> bool:
    """Return whether one spectrum is the other times a positive factor, including its noise.

    first, second: (wavelength in Å, flux) of each, both arrays (n,) and the wavelength ascending.

    Two exposures of one transient differ by their noise and are not the same measurement. A copy on another grid of
    samples does not count either, because it cannot be told from a smoother exposure.
    """
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
    residual = float(np.median(np.abs(flux - factor * matched)))
    scatter = float(np.median(np.abs(np.diff(flux))))
    return factor > 0 and residual <= max(_SHARE_OF_SCATTER * scatter, _SHARE_OF_FLUX * float(np.median(np.abs(flux))))
