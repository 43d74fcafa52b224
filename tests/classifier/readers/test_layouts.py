"""FITS files in the layouts of spectrographs, surveys and archives are all read to the same arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classifier.errors import SpectrumError
from classifier.readers import Corrections, read_spectrum
from tests.classifier.readers.layouts import (
    LAYOUTS,
    LINEAR,
    PRIMARY,
    WITH_ERRORS,
    E,
    F,
    W,
    columns,
    extension,
)
from tests.spectrum_files import image, same, write


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_the_same_spectrum(layout: str) -> None:
    reading = read_spectrum(LAYOUTS[layout], "a.fits")
    assert not reading.others
    assert same(reading)
    error = reading.spectrum.flux_error
    if layout in WITH_ERRORS:
        assert error is not None
        np.testing.assert_allclose(error / reading.spectrum.flux, 0.05, rtol=1e-3)


def test_a_table_with_its_wavelengths_in_the_header_is_read() -> None:
    hdu = columns("SPEC", FLUX=(F, ""))
    hdu.header.update(LINEAR)
    assert same(read_spectrum(write(PRIMARY(), hdu), "a.fits"))


def test_micrometres_between_3_and_4_are_not_taken_for_logarithms() -> None:
    for unit in ("um", "micron"):
        reading = read_spectrum(image(F, CRVAL1=3.2, CDELT1=0.8 / 299, CUNIT1=unit), "a.fits")
        assert reading.spectrum.wavelength_range == pytest.approx((32_000, 40_000))


def test_natural_logarithms_without_a_flag_are_not_taken_for_micrometres() -> None:
    step = float(np.log(9200 / 3800)) / 299
    reading = read_spectrum(image(F, CRVAL1=float(np.log(3800)), CDELT1=step), "a.fits")
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"CTYPE1": "FREQ", "CUNIT1": "GHz", "CRVAL1": 230.0, "CDELT1": 1.0}, "a frequency"),
        ({"CTYPE1": "VELO-LSR", "CRVAL1": 3000.0, "CDELT1": 10.0}, "a velocity"),
        ({"CTYPE1": "PIXEL", "CRVAL1": 3000.0, "CDELT1": 1.0}, "a count of samples"),
    ],
)
def test_an_axis_that_is_not_wavelength_is_refused_with_what_it_is(header: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpectrumError, match=reason) as caught:
        read_spectrum(image(F, **header), "a.fits")
    assert caught.value.code == "no_wavelengths"
    if reason == "a count of samples":
        assert read_spectrum(image(F, **header), "a.fits", Corrections(wavelength_unit="angstrom"))


def test_an_extension_of_errors_is_never_taken_for_the_spectrum() -> None:
    content = write(PRIMARY(), extension(E, "ERR", **LINEAR), extension(F, "SKY", **LINEAR))
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(content, "a.fits")
    assert caught.value.code == "no_spectrum"


def test_a_file_with_rest_wavelengths_only_is_read_with_a_warning() -> None:
    reading = read_spectrum(write(PRIMARY(), columns(WAVE_REST=(W, "A"), FLUX=(F, ""))), "a.fits")
    assert [warning["code"] for warning in reading.receipt["warnings"]] == ["looks_rest_frame"]


def test_air_or_vacuum_is_read_from_the_name_of_a_column() -> None:
    for name, medium in (("WAVE_VAC", "vacuum"), ("LAMBDA_AIR", "air"), ("WAVE", None)):
        assert (
            read_spectrum(write(PRIMARY(), columns(**{name: (W, "A"), "FLUX": (F, "")})), "a").spectrum.medium == medium
        )
