"""The Spectrum value: one validated spectrum with its units, its frame and its metadata."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classifier.errors import SpectrumError

Frame = Literal["observed", "rest"]
Medium = Literal["air", "vacuum"]
FluxKind = Literal["flam", "fnu", "abmag", "counts", "normalised", "flattened", "unknown"]
Array = NDArray[np.float64]

MIN_SAMPLES = 10
# A redshift outside of these bounds is taken for an error. Blueshifted galaxies lie a little below 0.
_LOWEST, _HIGHEST = -0.1, 10.0
PLAUSIBLE_REDSHIFTS = f"between {_LOWEST:g} and {_HIGHEST:g}"


def is_plausible_redshift(redshift: float) -> bool:
    """Return whether a redshift lies within the bounds of PLAUSIBLE_REDSHIFTS; NaN does not."""
    return _LOWEST < redshift < _HIGHEST


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """One spectrum of one object at one epoch.

    wavelength: (n,) Å, finite, strictly ascending, > 0, in ``frame``, in ``medium`` (None: unknown).
    flux: (n,) finite F_λ up to a constant factor; ``flux_kind`` says what the file held before conversion.
    flux_error: (n,) 1σ in the units of flux, or None where the file gives none.
    observed_at: aware UTC datetime that the file gives, mostly of the start of the exposure, or None; never invented.
    redshift: the one the file itself states, or None; the classifier never uses it unasked.
    ra, dec: coordinates that the file states, degrees, or None.
    """

    wavelength: Array
    flux: Array
    flux_error: Array | None = None
    frame: Frame = "observed"
    medium: Medium | None = None
    flux_kind: FluxKind = "unknown"
    object_name: str | None = None
    observed_at: datetime | None = None
    instrument: str | None = None
    telescope: str | None = None
    observer: str | None = None
    reducer: str | None = None
    exposure_s: float | None = None
    redshift: float | None = None
    ra: float | None = None
    dec: float | None = None

    def __post_init__(self) -> None:
        for name in ("wavelength", "flux", "flux_error"):
            values = getattr(self, name)
            if values is not None:
                array = np.array(values, dtype=np.float64)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        if self.wavelength.ndim != 1 or self.wavelength.shape != self.flux.shape:
            raise SpectrumError("shape_mismatch", "wavelength and flux differ in length")
        if self.flux_error is not None and self.flux_error.shape != self.flux.shape:
            raise SpectrumError("shape_mismatch", "flux_error and flux differ in length")
        if self.wavelength.size < MIN_SAMPLES:
            raise SpectrumError("too_few_points", f"only {self.wavelength.size} usable samples")

    def _check_values(self) -> None:
        if not (np.isfinite(self.wavelength).all() and np.isfinite(self.flux).all()):
            raise SpectrumError("not_finite", "wavelength or flux is not finite")
        if self.wavelength[0] <= 0 or (np.diff(self.wavelength) <= 0).any():
            raise SpectrumError("wavelength_order", "wavelengths must ascend strictly and be positive")
        if np.ptp(self.flux) == 0:
            raise SpectrumError("constant_flux", "every flux value is the same")
        if self.observed_at is not None and self.observed_at.tzinfo is None:
            raise SpectrumError("naive_time", "observed_at needs a time zone")

    @property
    def is_f_lambda(self) -> bool:
        """Return whether the flux is F_λ up to a factor, and neither counts nor divided by the continuum."""
        return self.flux_kind not in ("counts", "normalised", "flattened")

    @property
    def wavelength_range(self) -> tuple[float, float]:
        """Return the first and last wavelength in Å, in ``frame``."""
        return float(self.wavelength[0]), float(self.wavelength[-1])
