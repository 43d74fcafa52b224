"""Flattened spectra: what the cross-check compares and what the review page draws. This module does not load PyTorch.

A flattened spectrum lies on the network's grid, its continuum is divided out, and its noise is smoothed away. Templates
are averages of flattened spectra. The cross-check, the making of templates and the page all call ``flatten``, so that
the page shows what was matched.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from classifier.resampling import PreprocessConfig, Resampled, resample_arrays
from classifier.spectrum import Array

# Flattened spectra keep the single precision of resampled ones.
Floats = NDArray[np.float32]

# Width in samples of the taper at each end of the covered range.
TAPER = 32
# Number of passes of the noise filter (weights 1/4, 1/2, 1/4).
SMOOTHING_PASSES = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Flattened:
    """A batch of flattened spectra on the network's grid.

    Attributes:
        flux: (batch, samples) smoothed flux over the continuum, in units of its mean size and compressed by asinh;
            0 where nothing was observed.
        covered: (batch, samples) 1 where the spectrum has data, else 0.
        weight: (batch, samples) as ``covered``, but falling off towards the ends of the covered range.
        contrast: (batch,) mean size of flux over continuum, less 1.
    """

    flux: Floats
    covered: Floats
    weight: Floats
    contrast: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """A flattened spectrum and a template at its redshift, ready to be drawn one over the other.

    Attributes:
        wavelength: (n,) Å of the spectrum's samples, in the frame that the spectrum came in.
        spectrum: (n,) flattened flux; NaN where nothing was observed.
        template_wavelength: (m,) Å of the template's samples, in the frame that the spectrum came in.
        template: (m,) flattened flux of the template; NaN where the template is not defined.
        continuum: (n,) continuum of the spectrum, in the unit of its flux.
        fitted: (n,) the template on that continuum, its lines as strong as the spectrum's, in the unit of the flux; NaN
            where the template is not defined.
    """

    wavelength: Array
    spectrum: Array
    template_wavelength: Array
    template: Array
    continuum: Array
    fitted: Array


def flatten(flux: Floats, covered: NDArray[np.bool_], log1pz: Array, grid: PreprocessConfig) -> Flattened:
    """Flatten resampled spectra.

    flux: (batch, fine_samples) flux on the fine grid.
    covered: (batch, fine_samples) whether the spectrum has data there.
    log1pz: (batch,) ln(1 + z) by which each spectrum is moved to the blue; 0 leaves it in the frame it came in.
    grid: the grids.
    """
    values, mask = _averaged(flux, covered.astype(flux.dtype), log1pz, grid)
    divided, contrast = _continuum_divided(values, mask, grid)
    return Flattened(_smoothed(divided, mask), mask, mask * _tapered(mask), contrast)


def with_noise(flux: Floats, covered: Floats, contrast: Floats, noise: Floats) -> Floats:
    """Return flattened spectra, (batch, samples), as they would be with more noise.

    flux, covered, contrast: as ``flatten`` returns them.
    noise: (batch, samples) what is added, in units of the continuum.
    """
    divided = (np.sinh(flux) * contrast[:, None] + noise) * covered
    return _smoothed(_compressed(divided, covered)[0], covered)


def compare(
    wavelength: Array,
    flux: Array,
    template: Floats,
    defined: NDArray[np.bool_],
    redshift: float,
    grid: PreprocessConfig,
) -> Comparison:
    """Flatten a spectrum as the cross-check did, and put a template at a redshift.

    wavelength: (n,) Å, ascending, in the frame that the spectrum came in; repeated wavelengths count once.
    flux: (n,) F_λ in any unit.
    template: (samples,) flattened flux of the template.
    defined: (samples,) where the template is defined.
    redshift: redshift of the match; 0 if the spectrum came in the rest frame.
    grid: the grids of the checkpoint that the template belongs to.

    The template is cut to the spectrum's range. Raises SpectrumError as ``resample_arrays`` does.
    """
    wavelength, first = np.unique(wavelength, return_index=True)
    resampled = resample_arrays(wavelength, flux[first], grid)
    flattened = flatten(resampled.flux[None], resampled.covered[None], np.zeros(1), grid)
    covered = flattened.covered[0] > 0
    inside = slice(*_ends(covered))
    centres = grid.grid()[inside]
    shifted = grid.grid() * (1 + redshift)
    overlapping = slice(*np.searchsorted(shifted, (wavelength[0], wavelength[-1])))
    drawn = np.where(defined, template, np.nan)
    level = _continuum(resampled, centres, grid)
    return Comparison(
        wavelength=centres,
        spectrum=np.where(covered, flattened.flux[0], np.nan)[inside],
        template_wavelength=shifted[overlapping],
        template=drawn[overlapping],
        continuum=level,
        fitted=level * (1 + _fitted(np.interp(centres, wavelength, flux[first]) / level - 1, centres, shifted, drawn)),
    )


def _fitted(lines: Array, centres: Array, shifted: Array, template: Floats) -> Array:
    """Return a flattened template's lines with the strength of a spectrum's: flux over continuum, less 1.

    lines, centres: (n,) flux over continuum, less 1, of the spectrum, at Å.
    shifted, template: (samples,) Å and flattened flux of the template, at the redshift of the match.
    """
    shape = np.sinh(np.interp(centres, shifted, template, left=np.nan, right=np.nan))
    both = np.isfinite(shape)
    size = float((shape[both] ** 2).sum())
    strength = max(float((lines[both] * shape[both]).sum()) / size, 0.0) if size else 0.0
    return np.asarray(strength * shape)


def continuum(wavelength: Array, flux: Array, grid: PreprocessConfig) -> Array:
    """Return the continuum that ``flatten`` divides out, at the spectrum's own samples and in the unit of its flux.

    wavelength: (n,) Å, ascending; repeated wavelengths count once.
    flux: (n,) F_λ in any unit.
    grid: the grids.

    Where the continuum comes near zero, a tenth of the mean flux takes its place. Raises SpectrumError as
    ``resample_arrays`` does.
    """
    known, first = np.unique(wavelength, return_index=True)
    return _continuum(resample_arrays(known, flux[first], grid), wavelength, grid)


def _continuum(resampled: Resampled, at: Array, grid: PreprocessConfig) -> Array:
    """Return the continuum of a resampled spectrum at wavelengths (Å), in the unit of the spectrum's flux."""
    values, mask = _averaged(resampled.flux[None], resampled.covered[None].astype(np.float32), np.zeros(1), grid)
    covered = mask[0] > 0
    level = _floored(running_mean(values, mask, grid), values, mask)[0, covered]
    return np.asarray(np.interp(at, grid.grid()[covered], level) * resampled.scale)


def _ends(covered: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first covered sample and the one after the last."""
    indices = np.flatnonzero(covered)
    return (int(indices[0]), int(indices[-1]) + 1) if indices.size else (0, 0)


def _averaged(flux: Floats, mask: Floats, log1pz: Array, grid: PreprocessConfig) -> tuple[Floats, Floats]:
    """Move each spectrum by ln(1 + z) and average it onto the network's grid: flux and coverage (batch, samples).

    ``classifier.preprocess.shift_and_average`` is the same for the tensors of the network.
    """
    fine = grid.samples * grid.oversample
    offset = (math.log(grid.first / grid.fine_first) + log1pz.astype(np.float64)) / grid.log_step
    whole = np.floor(offset)
    part = (offset - whole).astype(flux.dtype)[:, None]
    index = whole.astype(np.int64)[:, None] + np.arange(fine + 1)
    inside = (index >= 0) & (index < flux.shape[1])
    index = index.clip(0, flux.shape[1] - 1)
    taken_mask = np.take_along_axis(mask, index, 1) * inside
    taken_flux = np.take_along_axis(flux, index, 1) * taken_mask
    weight = (1 - part) * taken_mask[:, :-1] + part * taken_mask[:, 1:]
    total = (1 - part) * taken_flux[:, :-1] + part * taken_flux[:, 1:]
    weight = weight.reshape(-1, grid.samples, grid.oversample).sum(2)
    total = total.reshape(-1, grid.samples, grid.oversample).sum(2)
    covered = (weight > 0.5 * grid.oversample).astype(flux.dtype)
    return np.where(covered > 0, total / np.maximum(weight, 1e-6), 0.0).astype(flux.dtype), covered


def _continuum_divided(values: Floats, mask: Floats, grid: PreprocessConfig) -> tuple[Floats, Floats]:
    """Return flux over continuum, less 1, in units of its mean size and compressed, and that size.

    ``classifier.preprocess.continuum_divided`` is the same for the tensors of the network.
    """
    mean = running_mean(values, mask, grid)
    return _compressed((values - mean) / _floored(mean, values, mask) * mask, mask)


def _compressed(divided: Floats, mask: Floats) -> tuple[Floats, Floats]:
    spread = np.maximum(np.abs(divided).sum(1, keepdims=True) / _count(mask), 1e-6)
    compressed: Floats = np.arcsinh(divided / spread).astype(np.float32)
    return compressed, spread[:, 0]


def running_mean(values: Floats, mask: Floats, grid: PreprocessConfig) -> Floats:
    """Return two passes of a running mean over the covered samples, (batch, samples), as wide as the grid says.

    values, mask: (batch, samples) flux and coverage.
    """
    half = max(grid.continuum_samples // 4, 1)
    weight = np.maximum(_box(mask, half), np.float32(1e-6))
    for _ in range(2):
        values = (_box(values * mask, half) / weight).astype(np.float32)
    return values


def _floored(mean: Floats, values: Floats, mask: Floats) -> Floats:
    """Return the running mean, and a tenth of the mean flux where that is larger."""
    floor = np.maximum(0.1 * np.abs(values).sum(1, keepdims=True) / _count(mask), 1e-6)
    return np.asarray(np.maximum(mean, floor))


def _count(mask: Floats) -> Floats:
    return np.asarray(np.maximum(mask.sum(1, keepdims=True), 1.0))


def _box(values: Floats, half: int) -> Floats:
    """Return the sum of each sample and its ``half`` neighbours on either side."""
    # In double precision, for the sum over a whole spectrum is subtracted from another such sum.
    total = np.pad(values, ((0, 0), (half + 1, half))).cumsum(1, dtype=np.float64)
    return np.asarray(total[:, 2 * half + 1 :] - total[:, : -(2 * half + 1)], dtype=np.float32)


def _smoothed(values: Floats, mask: Floats) -> Floats:
    weight = np.maximum(_quarters(mask), 1e-3)
    for _ in range(SMOOTHING_PASSES):
        values = (_quarters(values * mask) / weight * mask).astype(np.float32)
    return values


def _quarters(values: Floats) -> Floats:
    """Return each sample averaged with its neighbours by the weights 1/4, 1/2, 1/4; 0 beyond the ends."""
    padded = np.pad(values, ((0, 0), (1, 1)))
    averaged: Floats = 0.25 * (padded[:, :-2] + padded[:, 2:]) + 0.5 * values
    return averaged


def _tapered(mask: Floats) -> Floats:
    return _box(mask, TAPER // 2) / np.float32(TAPER + 1)
