"""A spectrum written in any format is read back with the same numbers."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.readers import Corrections, read_spectrum
from tests.spectrum_files import Array, as_json, image, skyportal, table, text, zipped

Writer = Callable[[Array, Array, Array], bytes]

FULL = "{:.17g}"
HEAD = "# wavelength flux flux_err\n"


def plain(wavelength: Array, flux: Array, error: Array) -> bytes:
    return text(wavelength, flux, error, head=HEAD, form=FULL)


def one_row(wavelength: Array, flux: Array, error: Array) -> bytes:
    return table({"WAVE": (wavelength[None], "Angstrom"), "FLUX": (flux[None], ""), "ERR": (error[None], "")})


EXACT: dict[str, Writer] = {
    "text": plain,
    "CSV": lambda w, f, e: text(w, f, e, head=HEAD[2:].replace(" ", ","), separator=",", form=FULL),
    "decimal comma": lambda w, f, e: text(w, f, e, separator=";", head="w;flux;error\n", form=FULL).replace(b".", b","),
    "Fortran": lambda w, f, e: HEAD.encode() + text(w, f, e, form="{:.16e}").replace(b"e", b"D"),
    "carriage returns": lambda w, f, e: plain(w, f, e).replace(b"\n", b"\r"),
    "descending": lambda w, f, e: plain(w[::-1], f[::-1], e[::-1]),
    "gzip": lambda w, f, e: gzip.compress(plain(w, f, e)),
    "zip": lambda w, f, e: zipped({"folder/a.txt": plain(w, f, e)}),
    "FITS table": lambda w, f, e: table({"wave": (w, "Angstrom"), "flux": (f, ""), "sigma": (e, "")}),
    "FITS table in nm": lambda w, f, e: table({"wave": (w / 10, "nm"), "flux": (f, ""), "var": (e**2, "")}),
    "FITS table of one row": one_row,
    "FITS table of ivar": lambda w, f, e: table({"loglam": (np.log10(w), ""), "flux": (f, ""), "ivar": (e**-2, "")}),
    "SkyPortal": lambda w, f, e: as_json(
        skyportal(wavelengths=w.tolist(), fluxes=f.tolist(), errors=e.tolist(), units=None)
    ),
}


@st.composite
def spectra(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    """Draw wavelengths (Å) from the near ultraviolet on, fluxes of either sign over six decades, and errors."""
    samples = draw(st.integers(12, 60))
    first = draw(st.floats(2800, 4000))
    steps = draw(st.lists(st.floats(0.25, 90), min_size=samples - 1, max_size=samples - 1))
    scale = 10.0 ** draw(st.integers(-18, 4))
    values = st.floats(-1e3, 1e3).filter(lambda value: value == 0 or abs(value) > 1e-3)
    flux = draw(st.lists(values, min_size=samples, max_size=samples, unique=True))
    error = draw(st.lists(st.floats(0.01, 100), min_size=samples, max_size=samples))
    return first + np.concatenate([[0], np.cumsum(steps)]), np.array(flux) * scale, np.array(error) * scale


@pytest.mark.parametrize("format_name", EXACT)
@given(spectrum=spectra())
@settings(max_examples=40, deadline=None)
def test_arrays_are_read_back_from_every_format(format_name: str, spectrum: tuple[Array, Array, Array]) -> None:
    wavelength, flux, error = spectrum
    read = read_spectrum(EXACT[format_name](wavelength, flux, error), "a", Corrections(flux_kind="flam")).spectrum
    np.testing.assert_allclose(read.wavelength, wavelength, rtol=1e-12)
    np.testing.assert_allclose(read.flux, flux, rtol=1e-12)
    np.testing.assert_allclose(read.flux_error, error, rtol=1e-12)  # type: ignore[arg-type]


@given(
    st.floats(2800, 5000),
    st.floats(1.0, 20.0),
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=12, max_size=80, unique=True),
    st.integers(-3, 5),
    st.sampled_from(["linear", "log10", "ln"]),
)
@settings(max_examples=150, deadline=None)
def test_arrays_are_read_back_from_images_with_any_axis(
    first: float, step: float, flux: list[float], reference: int, scale: str
) -> None:
    to_axis, from_axis = {
        "linear": (lambda x: x, lambda x: x),
        "log10": (np.log10, lambda x: 10.0**x),
        "ln": (np.log, np.exp),
    }[scale]
    start = float(to_axis(first))
    width = float(to_axis(first + step)) - start
    header = {"CRVAL1": start + (reference - 1) * width, "CRPIX1": float(reference), "CD1_1": width}
    content = image(np.array(flux), **header, **({} if scale == "linear" else {"DC__FLAG": 1}))
    read = read_spectrum(content, "a.fits", Corrections(flux_kind="flam")).spectrum
    np.testing.assert_allclose(read.wavelength, from_axis(start + width * np.arange(len(flux))), rtol=1e-9)
    np.testing.assert_allclose(read.flux, flux, rtol=1e-6)
