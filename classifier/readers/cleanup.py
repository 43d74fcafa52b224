"""Clean-up of the samples, the last step of every reader: drop, sort, average, check and warn."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from classifier.errors import SpectrumError
from classifier.host_spectrum import host_flux, without_host
from classifier.readers.checks import add_warnings
from classifier.readers.receipt import Corrections, Receipt
from classifier.spectrum import MIN_SAMPLES, Array, Spectrum

# Shortest run of zero flux that counts as not observed, at an end and inside, and the share of zeros inside above which
# they are real: counts of no photons.
_ZEROS_AT_END, _ZEROS_INSIDE, _FEW_ZEROS = 3, 8, 0.15


def clean_spectrum(
    wavelength: Array,
    flux: Array,
    error: Array | None,
    receipt: Receipt,
    corrections: Corrections,
    **known: Any,
) -> Spectrum:
    """Return the spectrum without unusable samples, sorted, with repeated wavelengths averaged.

    wavelength: (n,) Å, in any order.
    flux: (n,).
    error: (n,) 1σ in the units of flux, or None.
    receipt: counts everything that is left out and takes the warnings.
    known: further fields of Spectrum.

    Raises SpectrumError if no valid spectrum remains.
    """
    if wavelength.shape != flux.shape or wavelength.ndim != 1:
        raise SpectrumError(
            "shape_mismatch", f"the wavelengths {wavelength.shape} and the fluxes {flux.shape} differ in length"
        )
    error = _error_of_same_shape(error, flux, receipt)
    wavelength, flux, error = _usable_rows(wavelength, flux, error, receipt)
    if wavelength.size and not (np.diff(wavelength) > 0).all():
        wavelength, flux, error = _sorted(wavelength, flux, error, receipt)
    wavelength, flux, error = _observed(wavelength, flux, error, receipt)
    if not corrections.wavelength_unit:
        _refuse_pixel_numbers(wavelength)
    if corrections.frame:
        known["frame"] = corrections.frame
        receipt.guess("frame", corrections.frame, "stated by the user", 1.0)
    known["medium"] = corrections.medium or known.get("medium")
    spectrum = Spectrum(wavelength, flux, _usable_error(error, receipt), **known)
    if corrections.host_light is not None:
        spectrum = _without_host(spectrum, receipt, corrections.host_light, corrections.host_redshift)
    add_warnings(spectrum, receipt)
    receipt.describe(spectrum)
    return spectrum


def _without_host(spectrum: Spectrum, receipt: Receipt, share: float, redshift: float | None) -> Spectrum:
    """Return the spectrum without a share of host light; one from which it cannot be taken is left as it is."""
    redshift = 0.0 if spectrum.frame == "rest" else redshift
    try:
        if redshift is None:
            raise SpectrumError("host_unknown", "the redshift is not known")
        if not spectrum.is_f_lambda:
            raise SpectrumError("host_unknown", f"the flux is no F_λ (kind of flux: {spectrum.flux_kind})")
        host = host_flux(spectrum.wavelength, spectrum.flux, redshift, share)
        taken = dataclasses.replace(spectrum, flux=without_host(spectrum.wavelength, spectrum.flux, host))
    except SpectrumError as error:
        receipt.warn("host_left", f"the host's light was left in: {error.message}")
        return spectrum
    receipt.host_light = share
    return taken


def _error_of_same_shape(error: Array | None, flux: Array, receipt: Receipt) -> Array | None:
    if error is None or error.shape == flux.shape:
        return error
    receipt.warn(
        "error_unusable",
        f"the errors were not used: their shape {error.shape} differs from that of the flux {flux.shape}",
    )
    return None


def _refuse_pixel_numbers(wavelength: Array) -> None:
    """Refuse wavelengths 0, 1, 2 … or 1, 2, 3 …, which count samples: nobody observes from 1 Å in steps of 1 Å."""
    if wavelength.size >= MIN_SAMPLES and wavelength[0] in (1.0, 2.0) and (np.diff(wavelength) == 1.0).all():
        raise SpectrumError(
            "no_wavelengths",
            "the wavelength column only counts samples (1, 2, 3 …): choose another wavelength column or send the "
            "wavelength-calibrated spectrum",
        )


def _usable_rows(
    wavelength: Array, flux: Array, error: Array | None, receipt: Receipt
) -> tuple[Array, Array, Array | None]:
    if error is not None and 0 < (unmeasured := np.isinf(error)).mean() < 0.5:
        receipt.drop("no weight (an inverse variance of zero)", int(unmeasured.sum()))
        wavelength, flux, error = wavelength[~unmeasured], flux[~unmeasured], error[~unmeasured]
    # Larger values overflow float32 when they are squared, and no telescope measures them.
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
        receipt.guess("order", "descending", "the wavelengths fall", 1.0)
    elif falls.any():
        receipt.warn(
            "orders_joined",
            "the wavelengths jump back, as overlapping orders do: samples of the same wavelength were averaged",
        )
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
    """Return the samples without the runs of exact zeros that mean "not observed", at the ends and in detector gaps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flux == 0, [0]])))
    starts, stops = edges[::2], edges[1::2]
    at_end = (starts == 0) | (stops == flux.size)
    empty = at_end & (stops - starts >= _ZEROS_AT_END)
    inside = ~at_end & (stops - starts >= _ZEROS_INSIDE)
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
        receipt.warn("error_unusable", "the errors were not used: most of them are zero, negative or missing")
        return None
    # A missing error must not count as a small one, so such samples get the largest.
    receipt.drop("error missing, the largest taken", int(bad.sum()))
    return np.where(bad, error[~bad].max(), error) if bad.any() else error
