"""The spectrum value refuses invalid arrays and cannot be changed."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from classifier.errors import SpectrumError
from classifier.spectrum import Spectrum

WAVELENGTH = np.linspace(4000, 5000, 50)
FLUX = np.sin(WAVELENGTH / 30)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"flux": FLUX[:-1]}, "shape_mismatch"),
        ({"flux_error": FLUX[:-1]}, "shape_mismatch"),
        ({"wavelength": WAVELENGTH[:5], "flux": FLUX[:5]}, "too_few_points"),
        ({"flux": np.where(WAVELENGTH > 4500, np.nan, FLUX)}, "not_finite"),
        ({"wavelength": WAVELENGTH[::-1]}, "wavelength_order"),
        ({"wavelength": WAVELENGTH - 4000}, "wavelength_order"),
        ({"flux": np.ones(50)}, "constant_flux"),
        ({"observed_at": datetime(2026, 1, 1)}, "naive_time"),
    ],
)
def test_invalid_arrays_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(SpectrumError) as caught:
        Spectrum(**{"wavelength": WAVELENGTH, "flux": FLUX, **changes})  # type: ignore[arg-type]
    assert caught.value.code == code


def test_the_arrays_of_a_spectrum_cannot_be_changed() -> None:
    spectrum = Spectrum(WAVELENGTH, FLUX)
    with pytest.raises(ValueError, match="read-only"):
        spectrum.flux[0] = 1.0


def test_unknown_metadata_is_none() -> None:
    spectrum = Spectrum(WAVELENGTH, FLUX)
    assert spectrum.observed_at is spectrum.redshift is spectrum.instrument is spectrum.flux_error is None
