"""The last step of every reader: drop, sort, average, check, and warn of what looks odd."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.readers.checks import look_over
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import MIN_SAMPLES, Array, Spectrum

_ZEROS_AT_END, _ZEROS_INSIDE, _FEW_ZEROS = 3, 8, 0.15


def finish(
    wavelength: Array,
    flux: Array,
    error: Array | None,
    receipt: Receipt,
    corrections: Corrections,
    **known: Any,
) -> Spectrum:
    """Drop what is not finite, sort, average repeated wavelengths, and check.

    wavelength: (n,) Å in any order; flux, error: (n,); known: further fields of Spectrum. Everything left out is
    counted in the receipt. Raises SpectrumError, as Spectrum does."""
    if wavelength.shape != flux.shape or wavelength.ndim != 1:
        raise SpectrumError("shape_mismatch", f"wavelengths {wavelength.shape} and fluxes {flux.shape} differ")
    if error is not None and error.shape != flux.shape:
        receipt.warn("error_unusable", f"{error.shape} errors for {flux.shape} fluxes; left out")
        error = None
    wavelength, flux, error = _usable_rows(wavelength, flux, error, receipt)
    if wavelength.size and not (np.diff(wavelength) > 0).all():
        wavelength, flux, error = _sorted(wavelength, flux, error, receipt)
    wavelength, flux, error = _observed(wavelength, flux, error, receipt)
    if corrections.frame:
        known["frame"] = corrections.frame
        receipt.guess("frame", corrections.frame, "stated by the user", 1.0)
    known["medium"] = corrections.medium or known.get("medium")
    spectrum = Spectrum(wavelength, flux, _usable_error(error, receipt), **known)
    look_over(spectrum, receipt)
    receipt.describe(spectrum)
    return spectrum


def _usable_rows(
    wavelength: Array, flux: Array, error: Array | None, receipt: Receipt
) -> tuple[Array, Array, Array | None]:
    if error is not None and 0 < (unmeasured := np.isinf(error)).mean() < 0.5:
        receipt.drop("no weight (an inverse variance of zero)", int(unmeasured.sum()))
        wavelength, flux, error = wavelength[~unmeasured], flux[~unmeasured], error[~unmeasured]
    # Beyond float32's range a sum of squares overflows, and no telescope measures that.
    finite = np.isfinite(wavelength) & (np.abs(flux) < 1e30)
    error = None if error is None else np.where(np.abs(error) < 1e30, error, np.nan)
    positive = finite & (wavelength > 0)
    receipt.drop("not finite", int((~finite).sum()))
    receipt.drop("wavelength not positive", int((finite & ~positive).sum()))
    if positive.all():
        return wavelength, flux, error
    return wavelength[positive], flux[positive], None if error is None else error[positive]


def _sorted(wavelength: Array, flux: Array, error: Array | None, receipt: Receipt) -> tuple[Array, Array, Array | None]:
    falls = np.diff(wavelength) < 0
    if falls.mean() > 0.9:
        receipt.guess("order", "descending", "wavelengths fall", 1.0)
    elif falls.any():
        receipt.warn("orders_joined", "wavelengths jump back: overlapping orders were averaged where they repeat")
    order = np.argsort(wavelength, kind="stable")
    wavelength, flux = wavelength[order], flux[order]
    error = None if error is None else error[order]
    unique, inverse, counts = np.unique(wavelength, return_inverse=True, return_counts=True)
    if unique.size == wavelength.size:
        return wavelength, flux, error
    receipt.drop("repeated wavelength, averaged", int(wavelength.size - unique.size))
    flux = np.bincount(inverse, flux) / counts
    if error is not None:
        error = np.sqrt(np.bincount(inverse, error**2)) / counts
    return unique, flux, error


def _observed(
    wavelength: Array, flux: Array, error: Array | None, receipt: Receipt
) -> tuple[Array, Array, Array | None]:
    """Without the runs of exact zeros that stand for "not observed": at the ends, and in gaps between detectors."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flux == 0, [0]])))
    starts, stops = edges[::2], edges[1::2]
    at_end = (starts == 0) | (stops == flux.size)
    empty = at_end & (stops - starts >= _ZEROS_AT_END)
    inside = ~at_end & (stops - starts >= _ZEROS_INSIDE)
    # Where zeros are common they are counts of no photons.
    if (stops - starts)[~at_end].sum() < _FEW_ZEROS * flux.size:
        empty |= inside
    keep = np.ones(flux.size, dtype=bool)
    for start, stop in zip(starts[empty], stops[empty], strict=True):
        keep[start:stop] = False
    if keep.all() or keep.sum() < MIN_SAMPLES:
        return wavelength, flux, error
    receipt.drop("runs of zero flux, taken as not observed", int((~keep).sum()))
    return wavelength[keep], flux[keep], None if error is None else error[keep]


def _usable_error(error: Array | None, receipt: Receipt) -> Array | None:
    if error is None or not error.size:
        return None
    bad = ~(error >= 0)
    if bad.mean() > 0.5 or np.nanmax(np.where(bad, 0, error)) == 0:
        receipt.warn("error_unusable", "the column of errors holds mostly zeros, negative or missing values; left out")
        return None
    # A missing error is not a small one: such samples take the largest.
    receipt.drop("error missing, the largest taken", int(bad.sum()))
    return np.where(bad, error[~bad].max(), error) if bad.any() else error
