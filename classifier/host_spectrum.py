"""The host galaxy's spectrum within a transient's spectrum. This module does not load PyTorch.

A share of host light (see ``classifier.host_light``) says how much of the flux is the host's, and a fit of eigenspectra
of galaxies says which flux. So spectrum = transient + host.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from classifier.errors import SpectrumError
from classifier.flattening import Floats, running_mean
from classifier.resampling import PreprocessConfig, resample_arrays
from classifier.spectrum import Array

SHIPPED = Path(__file__).with_name("host_galaxies.safetensors")
# Number of samples of 250 km/s from 3600 Å in the rest frame on.
SAMPLES = 976
_SHIPPED_GRID = PreprocessConfig(samples=2048)
# The fine grid is the shipped checkpoint's, and the samples are as wide as its own.
GRID = dataclasses.replace(
    _SHIPPED_GRID, samples=SAMPLES, first=3600.0, last=3600.0 * math.exp(SAMPLES * _SHIPPED_GRID.step)
)
# Rest-frame range in Å over which the share is meant, and the part of it that a fit needs.
BAND, NEED = (4000.0, 7000.0), 0.5
# Which samples of GRID lie in BAND, (SAMPLES,).
IN_BAND = (GRID.grid() > BAND[0]) & (GRID.grid() < BAND[1])
# Full width of the running mean that features are told from the continuum by, in samples.
BROAD = 72
# Share of the host's range at each end that tells how much is kept beyond it, and the least that is kept there.
_NEAR, _LEAST_KEPT = 0.02, 0.05
# Number of eigenspectra beside the mean galaxy.
EIGENSPECTRA = 3
# A spectrum in the rest frame is resampled to the samples of GRID at once, and need not be an optical one.
_REST = dataclasses.replace(
    GRID,
    oversample=1,
    fine_first=GRID.first,
    fine_last=GRID.last,
    need_optical_angstrom=0.0,
    continuum_width=BROAD * GRID.step,
)


def host_flux(wavelength: Array, flux: Array, redshift: float, share: float) -> Array:
    """Return the flux of the host at each sample, (n,) in the unit of ``flux``; NaN beyond the wavelengths of GRID.

    wavelength: (n,) Å, ascending, in the frame that the spectrum came in; repeated wavelengths count once.
    flux: (n,) F_λ in any unit.
    redshift: redshift of the host; 0 if the spectrum came in the rest frame.
    share: share of the light over BAND that is the host's, 0–1.

    Raises SpectrumError with the code "host_unknown" if too little of BAND is covered or the mean flux over it is not
    positive, or "not_finite".
    """
    rest = wavelength / (1 + redshift)
    known, first = np.unique(rest, return_index=True)
    resampled = resample_arrays(known, flux[first], _REST)
    values, covered = resampled.flux[:SAMPLES], resampled.covered[:SAMPLES]
    inside = covered & IN_BAND
    band = f"{BAND[0]:.0f}-{BAND[1]:.0f} Å in the rest frame"
    if inside.sum() < NEED * IN_BAND.sum():
        raise SpectrumError("host_unknown", f"at z = {redshift:g} it covers too little of {band}")
    level = float(values[inside].mean())
    if level <= 0:
        raise SpectrumError("host_unknown", f"at z = {redshift:g} its mean flux over {band} is not positive")
    shape = _fitted(values / np.float32(level), covered.astype(np.float32), share)
    host = share * level * resampled.scale * np.interp(rest, GRID.grid(), shape)
    return np.where((rest >= GRID.first) & (rest <= GRID.last), host, np.nan)


def without_host(wavelength: Array, flux: Array, host: Array) -> Array:
    """Return the flux without the host's, (n,) in the unit of ``flux``.

    wavelength: (n,) Å, ascending.
    flux: (n,) F_λ in any unit.
    host: (n,) flux of the host, as ``host_flux`` returns it.

    Nothing is known of the host beyond its range. There the spectrum is only scaled, by the share that is left near the
    end of that range or, where the host outshines the spectrum there, by a small one. So no sample changes its sign.
    """
    known = np.isfinite(host)
    left = np.where(known, flux - host, flux)
    first, last = wavelength[known][[0, -1]]
    for beyond, near in (
        (wavelength < first, known & (wavelength <= first * (1 + _NEAR))),
        (wavelength > last, known & (wavelength >= last * (1 - _NEAR))),
    ):
        kept, whole = float(left[near].sum()), float(flux[near].sum())
        left[beyond] *= min(max(kept / whole, _LEAST_KEPT), 1.0) if whole > 0 else _LEAST_KEPT
    return left


def _fitted(values: Floats, covered: Floats, share: float) -> Array:
    """Return the galaxy whose features fit those of a spectrum best, (SAMPLES,) with a mean of 1 in BAND.

    values, covered: (SAMPLES,) flux with a mean of 1 in BAND, and coverage.

    Its deviations from the mean galaxy are kept as small as those of real galaxies, because a transient has features
    of its own.
    """
    galaxies = eigenspectra()
    rows = np.concatenate([values[None], galaxies.astype(np.float32)]) * covered
    features, mean, *deviations = (rows - running_mean(rows, covered[None], _REST)) * covered
    design = share * np.stack(deviations, axis=1).astype(np.float64)
    amplitudes = np.linalg.solve(design.T @ design + np.eye(EIGENSPECTRA), design.T @ (features - share * mean))
    shape = np.maximum(galaxies[0] + amplitudes @ galaxies[1:], 0.0)
    return np.asarray(shape / shape[(covered > 0) & IN_BAND].mean())


@functools.lru_cache(maxsize=1)
def eigenspectra() -> Array:
    """Return the mean galaxy with a mean of 1 in BAND, and its deviations of one standard deviation each.

    They are (1 + EIGENSPECTRA, SAMPLES), in the rest frame on GRID.
    """
    return np.asarray(load_file(SHIPPED)["spectra"], dtype=np.float64)
