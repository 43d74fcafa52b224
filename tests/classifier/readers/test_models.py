"""A file that calls itself a model says so on its receipt, and headers of observations that mention models do not."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.readers import read_spectrum
from tests.spectrum_files import FLUX, WAVELENGTH, image

ROWS = "\n".join(f"{w:.2f} {f:.5e}" for w, f in zip(WAVELENGTH, FLUX, strict=True))


def warned(content: bytes, name: str) -> list[str]:
    return [w["message"] for w in read_spectrum(content, name).receipt["warnings"] if w["code"] == "looks_model"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("11fe_tardis_v3.dat", ""),
        ("SYNAPPS-2014J.txt", ""),
        ("model_12.txt", ""),
        ("synthetic_IIP_day30.dat", ""),
        ("a.txt", "# TARDIS virtual spectrum"),
        ("a.txt", "# Model spectrum of day 12"),
        ("a.txt", "# made with SYN++ 0.98"),
    ],
)
def test_a_file_that_calls_itself_a_model_says_so(name: str, header: str) -> None:
    assert len(warned(f"{header}\n{ROWS}".encode(), name)) == 1


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("2018ggq_remodelled.txt", "# MODEL: 22"),
        ("a.txt", "# PYSEDMT: Force 3DPSF extraction: Spectral Model"),
        ("a.txt", "HISTORY between the modified Vega model and the data over the kernel"),
        ("a.txt", "# calibrated by the model spectrum of a white dwarf"),
        ("a.txt", "# Galaxy-Model Sd2"),
        ("third_template.csv", ""),
    ],
)
def test_an_observation_whose_header_mentions_a_model_does_not(name: str, header: str) -> None:
    assert warned(f"{header}\n{ROWS}".encode(), name) == []


def test_the_header_of_a_fits_file_is_asked_too() -> None:
    step = float(np.diff(WAVELENGTH)[0])
    cards = {"CRVAL1": float(WAVELENGTH[0]), "CDELT1": step, "CRPIX1": 1}
    assert warned(image(FLUX, **cards), "a.fits") == []
    told = warned(image(FLUX, ORIGIN="TARDIS", **cards), "a.fits")
    assert told == ["the file calls itself a model and no observation: its header says “TARDIS”"]
    assert len(warned(image(FLUX, OBJECT="SN Ia model", **cards), "a.fits")) == 1
