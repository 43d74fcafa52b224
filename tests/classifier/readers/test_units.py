"""Units are read by their many spellings, alike from a text and from FITS."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.errors import SpectrumError
from classifier.readers import Reading, read_spectrum
from tests.spectrum_files import FLUX, WAVELENGTH, image, table, text


def in_both(wavelength: np.ndarray, unit: str, flux_unit: str) -> list[Reading]:
    """Return the readings of a text and of a FITS table with these units."""
    in_text = text(wavelength, FLUX, head=f"# wavelength flux\n# [{unit}] [{flux_unit}]\n", form="{:.9g}")
    in_fits = table({"WAVE": (wavelength, unit), "FLUX": (FLUX, flux_unit)})
    return [read_spectrum(in_text), read_spectrum(in_fits)]


def codes(reading: Reading) -> set[str]:
    return {warning["code"] for warning in reading.receipt["warnings"]}


@pytest.mark.parametrize("unit", ["Angstrom", "AA", "Ang.", "0.1nm", "0.1 nm", "10^-10 m", "1e-10 m"])
def test_an_angstrom_has_many_spellings(unit: str) -> None:
    for reading in in_both(WAVELENGTH, unit, "erg/s/cm2/A"):
        assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
        assert "unit_contradicted" not in codes(reading)


@pytest.mark.parametrize("unit", ["log(Angstrom)", "log10(AA)", "dex(AA)", "log A"])
def test_a_logarithm_of_angstroms_is_a_unit(unit: str) -> None:
    for reading in in_both(np.log10(WAVELENGTH), unit, "erg/s/cm2/A"):
        assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200), rel=1e-4)
        assert "unit_contradicted" not in codes(reading)


def test_an_image_whose_unit_is_a_logarithm_is_read_without_a_warning() -> None:
    step = 0.35 / (FLUX.size - 1)
    reading = read_spectrum(image(FLUX, CRVAL1=3.6, CDELT1=step, CRPIX1=1, CUNIT1="log(Angstrom)"))
    assert reading.spectrum.wavelength_range == pytest.approx((10**3.6, 10**3.95), rel=1e-4)
    assert "unit_contradicted" not in codes(reading)


@pytest.mark.parametrize("unit", ["Jy", "mJy", "uJy", "microJy", "nJy", "Jansky", "erg/s/cm2/Hz"])
def test_a_flux_per_frequency_becomes_one_per_wavelength(unit: str) -> None:
    for reading in in_both(WAVELENGTH, "Angstrom", unit):
        assert reading.spectrum.flux_kind == "fnu"
        np.testing.assert_allclose(reading.spectrum.flux, FLUX * (6000 / WAVELENGTH) ** 2, rtol=1e-4)


@pytest.mark.parametrize("unit", ["erg/s/cm2/AA", "erg/s/cm2/A", "erg cm-2 s-1 Angstrom-1", "W/m2/um"])
def test_a_flux_per_wavelength_stays_one(unit: str) -> None:
    for reading in in_both(WAVELENGTH, "Angstrom", unit):
        assert reading.spectrum.flux_kind == "flam"


@pytest.mark.parametrize("unit", ["Hz", "keV", "km/s", "1/cm", "pixels"])
def test_a_line_that_gives_a_unit_of_something_else_refuses_the_file(unit: str) -> None:
    with pytest.raises(SpectrumError) as refused:
        read_spectrum(text(WAVELENGTH, FLUX, head=f"# wavelength unit: {unit}\n"))
    assert refused.value.code == "no_wavelengths"
