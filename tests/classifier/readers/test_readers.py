"""The same spectrum is read from text and FITS files in many forms."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.errors import SpectrumError
from classifier.readers import Corrections, read_spectrum
from tests.spectrum_files import FLUX, WAVELENGTH, image, text


def guess(receipt: dict[str, Any], what: str) -> Any:
    return next(entry["value"] for entry in receipt["guesses"] if entry["what"] == what)


@pytest.mark.parametrize("separator", [" ", "\t", ",", ", ", ";", "   "])
def test_any_column_separator_is_read(separator: str) -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, separator=separator), "a.txt")
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-5)
    assert reading.receipt["rows_used"] == 300


@pytest.mark.parametrize(
    ("values", "head", "unit"),
    [
        (WAVELENGTH, "", "angstrom"),
        (WAVELENGTH / 10, "", "nm"),
        (WAVELENGTH / 10, "# wavelength(nm) flux\n", "nm"),
        (WAVELENGTH / 1e4, "", "um"),
        (np.log10(WAVELENGTH), "", "log10_angstrom"),
        (np.log10(WAVELENGTH), "loglam,flux\n", "log10_angstrom"),
    ],
)
def test_the_unit_of_the_wavelengths_is_found(values: np.ndarray, head: str, unit: str) -> None:
    separator = "," if "," in head else " "
    reading = read_spectrum(text(values, FLUX, head=head, separator=separator, form="{:.9g}"), "a.csv")
    assert guess(reading.receipt, "wavelength_unit") == unit
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200), rel=1e-4)


def test_a_unit_given_by_the_user_overrides_the_guess() -> None:
    content = text(WAVELENGTH / 10, FLUX)
    reading = read_spectrum(content, "a.txt", Corrections(wavelength_unit="angstrom", frame="rest"))
    assert reading.spectrum.wavelength_range == pytest.approx((380, 920))
    assert reading.spectrum.frame == "rest"
    assert reading.receipt["corrections"] == {"wavelength_unit": "angstrom", "frame": "rest"}


def test_decimal_commas_are_read() -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX, separator=";").replace(b".", b","), "a.csv")
    np.testing.assert_allclose(reading.spectrum.wavelength, WAVELENGTH, rtol=1e-5)


def test_fortran_exponents_are_read_even_without_their_letter() -> None:
    with_letter = text(WAVELENGTH, FLUX, form="{:.8e}").replace(b"e", b"D")
    np.testing.assert_allclose(read_spectrum(with_letter).spectrum.flux, FLUX, rtol=1e-6)
    without = b"\n".join(b"%.2f %.4f-105" % (w, 2 + np.sin(w)) for w in WAVELENGTH)
    assert read_spectrum(without).spectrum.flux.max() == pytest.approx(3e-105, rel=0.01)


def test_rows_with_nan_are_dropped_and_counted() -> None:
    flux = FLUX.copy()
    flux[10:14] = np.nan
    reading = read_spectrum(text(WAVELENGTH, flux))
    assert reading.spectrum.flux.size == 296
    assert reading.receipt["dropped"] == {"not finite": 4}


def test_descending_wavelengths_are_reversed() -> None:
    reading = read_spectrum(text(WAVELENGTH[::-1], FLUX[::-1]))
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-5)


def test_repeated_wavelengths_are_averaged_and_counted() -> None:
    reading = read_spectrum(text(np.repeat(WAVELENGTH, 2), np.repeat(FLUX, 2) * np.tile([0.9, 1.1], 300)))
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-4)
    assert reading.receipt["dropped"]["repeated wavelength, averaged"] == 300


@pytest.mark.parametrize("ending", [b"\r", b"\r\n", b"\n\n"])
def test_any_line_ending_is_read(ending: bytes) -> None:
    assert read_spectrum(text(WAVELENGTH, FLUX).replace(b"\n", ending)).receipt["rows_used"] == 300


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_any_text_encoding_is_read(encoding: str) -> None:
    content = ("# Größe in Å\n" + text(WAVELENGTH, FLUX).decode()).encode(encoding)
    assert read_spectrum(content).receipt["rows_used"] == 300


def test_metadata_is_read_from_the_header_and_never_invented() -> None:
    head = (
        "# OBJECT: ZTF26aabc [A]\n# DATE-OBS = '2026-03-04T05:06:07' / start\n# EXPTIME = 1800. / s\n"
        "# INSTRUME: SEDM\n# REDSHIFT: -1\n# RA: 00:04:25.70\n"
    )
    spectrum = read_spectrum(text(WAVELENGTH, FLUX, head=head)).spectrum
    assert spectrum.object_name == "ZTF26aabc"
    assert spectrum.observed_at is not None
    assert spectrum.observed_at.isoformat() == "2026-03-04T05:06:07+00:00"
    assert (spectrum.exposure_s, spectrum.instrument, spectrum.redshift) == (1800.0, "SEDM", None)
    bare = read_spectrum(text(WAVELENGTH, FLUX), "a.txt").receipt["metadata"]
    assert set(bare.values()) == {None}


def test_a_date_in_the_file_name_is_a_guess_with_its_evidence() -> None:
    reading = read_spectrum(text(WAVELENGTH, FLUX), "SN2014J_20140322_ldss.dat")
    assert reading.receipt["metadata"]["observed_at"] == "2014-03-22T00:00:00Z"
    assert guess(reading.receipt, "observed_at") == "2014-03-22T00:00:00Z"


@pytest.mark.parametrize(
    ("third", "kind"), [(np.full(300, 3e-16), "error"), (np.full(300, 9e-32), "variance"), (-FLUX, "ignore")]
)
def test_a_third_column_is_identified_by_comparing_it_with_the_noise(third: np.ndarray, kind: str) -> None:
    noise = np.random.default_rng(0).normal(0, 3e-16, 300)
    reading = read_spectrum(text(WAVELENGTH, FLUX + noise, third, form="{:.5e}"))
    assert guess(reading.receipt, "third_column")["kind"] == kind
    if kind != "ignore":
        np.testing.assert_allclose(reading.spectrum.flux_error, 3e-16, rtol=1e-4)
    else:
        assert reading.spectrum.flux_error is None


def test_magnitudes_are_converted_to_f_lambda() -> None:
    magnitude = -2.5 * np.log10(FLUX * WAVELENGTH**2)
    reading = read_spectrum(text(WAVELENGTH, magnitude, head="wavelength ABmag\n", form="{:.8f}"))
    ratio = reading.spectrum.flux / FLUX
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"hello\nworld\n", "no_table"),
        (b"\x00\x01\x02\x03" * 500, "binary"),
        (b"PK\x03\x04rest", "bad_archive"),
        (b"\x1f\x8b broken", "bad_gzip"),
        (b"\n".join(b"%d" % i for i in range(4000, 4100)), "one_column"),
        (text(WAVELENGTH * 1e6, FLUX), "wavelength_unit"),
        (text(WAVELENGTH, np.ones(300)), "constant_flux"),
        (b"SIMPLE  =                    T" + b" " * 3000, "bad_fits"),
    ],
)
def test_an_unreadable_file_is_refused_with_a_code_and_a_receipt(content: bytes, code: str) -> None:
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(content, "a.dat")
    assert caught.value.code == code
    assert caught.value.receipt["name"] == "a.dat"


def test_a_gzip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(b"0" * (200 << 20), compresslevel=1)
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(bomb)
    assert caught.value.code == "too_large"


def test_a_gzip_file_of_many_members_is_read_whole_or_refused() -> None:
    rows = [f"{3800 + i} {1 + i % 7}\n".encode() for i in range(320)]
    few, many = (
        b"".join(gzip.compress(b"".join(rows[start : start + size])) for start in range(0, 320, size))
        for size in (20, 8)
    )
    assert read_spectrum(few, "a.txt.gz").receipt["rows_used"] == 320
    with pytest.raises(SpectrumError, match="send it unpacked"):
        read_spectrum(many, "a.txt.gz")


@pytest.mark.parametrize("step_key", ["CDELT1", "CD1_1"])
def test_a_linear_fits_image_is_read(step_key: str) -> None:
    step = WAVELENGTH[1] - WAVELENGTH[0]
    content = image(FLUX * 1e15, CRVAL1=WAVELENGTH[0] + step, CRPIX1=2.0, **{step_key: step})
    reading = read_spectrum(content, "a.fits")
    np.testing.assert_allclose(reading.spectrum.wavelength, WAVELENGTH, rtol=1e-9)
    np.testing.assert_allclose(reading.spectrum.flux, FLUX * 1e15, rtol=1e-6)


def test_a_logarithmic_fits_image_is_not_taken_as_linear() -> None:
    log_wavelength = np.linspace(np.log10(3800), np.log10(9200), 300)
    content = image(FLUX, CRVAL1=log_wavelength[0], CDELT1=log_wavelength[1] - log_wavelength[0], DC__FLAG=1)
    assert read_spectrum(content).spectrum.wavelength_range == pytest.approx((3800, 9200), rel=1e-6)


def test_only_the_first_band_of_a_multispec_file_is_read() -> None:
    bands = np.stack([FLUX, FLUX * 3, FLUX * 0]).reshape(3, 1, 300)
    reading = read_spectrum(image(bands, CRVAL1=3800.0, CD1_1=18.06))
    np.testing.assert_allclose(reading.spectrum.flux, FLUX, rtol=1e-6)
    assert guess(reading.receipt, "band") == 0


def test_a_binary_table_with_units_is_read() -> None:
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("WAVE", "D", unit="nm", array=WAVELENGTH / 10),
            fits.Column("FLUX", "E", array=FLUX * 1e15),
            fits.Column("IVAR", "E", array=np.full(300, 100.0)),
        ]
    )
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer)
    reading = read_spectrum(gzip.compress(buffer.getvalue()), "a.fits.gz")
    assert reading.receipt["compression"] == "gzip"
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
    np.testing.assert_allclose(reading.spectrum.flux_error, 0.1, rtol=1e-6)


def test_a_two_dimensional_image_is_refused() -> None:
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(image(np.ones((50, 300)), CRVAL1=3800.0, CDELT1=18.0))
    assert caught.value.code == "not_one_dimensional"


@given(st.binary(max_size=4000), st.sampled_from([b"", b"SIMPLE  =", b"\x1f\x8b", b"# wave flux\n"]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes, head: bytes) -> None:
    try:
        reading = read_spectrum(head + content, "x")
    except SpectrumError as error:
        refused = error
    else:
        assert reading.receipt["rows_used"] == reading.spectrum.flux.size
        return
    assert refused.code
    assert refused.message


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=12, max_size=60, unique=True),
    st.floats(2000, 4000),
    st.floats(0.5, 50),
    st.sampled_from(["text", "fits"]),
)
@settings(max_examples=100, deadline=None)
def test_a_written_spectrum_is_read_back(flux: list[float], first: float, step: float, kind: str) -> None:
    wavelength, values = first + step * np.arange(len(flux)), np.array(flux)
    written = {"text": text(wavelength, values, form="{:.17g}"), "fits": image(values, CRVAL1=first, CDELT1=step)}
    content = written[kind]
    spectrum = read_spectrum(content).spectrum
    np.testing.assert_allclose(spectrum.wavelength, wavelength, rtol=1e-12)
    np.testing.assert_allclose(spectrum.flux, values, rtol=1e-6)


def test_the_real_files_of_the_archive_are_read_in_angstrom(raw_files: Path) -> None:
    with (raw_files / "manifest.csv").open() as opened:
        names = [row["file"] for row in csv.DictReader(opened)]
    refused = {}
    for name in names:
        try:
            spectrum = read_spectrum(raw_files / name).spectrum
        except SpectrumError as error:
            refused[name] = error.code
        else:
            assert 300 <= spectrum.wavelength[0] < spectrum.wavelength[-1] <= 30_000, name
    assert len(refused) <= 0.01 * len(names), refused
