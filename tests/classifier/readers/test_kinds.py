"""A second file of each kind that was once misread: what holds for tests/cases must hold for its kin."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from classifier.errors import SpectrumError
from classifier.readers import Reading, read_spectra, read_spectrum
from tests.spectrum_files import FLUX, WAVELENGTH, image, write

STEP = float(WAVELENGTH[1] - WAVELENGTH[0])


def text(*header: str, columns: tuple[np.ndarray, ...] = (WAVELENGTH, FLUX)) -> bytes:
    rows = [" ".join(f"{value:.6e}" for value in row) for row in zip(*columns, strict=True)]
    return "\n".join([*header, *rows]).encode()


def axis(**cards: Any) -> bytes:
    return image(FLUX, CRVAL1=3800.0, CDELT1=STEP, CRPIX1=1, **cards)


def with_card(card: str) -> bytes:
    """Return an image with one card written as it stands, whatever the standard says."""
    content = axis(OBJECT="TEST-A", FILLER="x")
    at = content.index(b"FILLER")
    return content[:at] + card.encode().ljust(80) + content[at + 80 :]


def codes(reading: Reading) -> set[str]:
    return {warning["code"] for warning in reading.receipt["warnings"]}


def told(reading: Reading, what: str) -> Any:
    return reading.receipt["metadata"][what]


@pytest.mark.parametrize(
    "card",
    [
        "AIRMASS =                1,234 / comma",
        "UT      = 09:00:00",
        "SHUTTER =                 open / no quotes",
        "COMMENTX= 'it''s 'broken'",
        "SEEING  =                  n/a",
        "GAIN    =               1.2e-/ADU",
        "TEMP    = '-10.2° C'",
        "PI-COI  = O'Brien / name",
        "HIERARCH ESO OBS NAME = no quotes at all",
        "LAMP    =                 FALSE",
        "ANGLE   =                  +NAN",
    ],
)
def test_a_card_that_breaks_the_standard_does_not_refuse_the_file(card: str) -> None:
    reading = read_spectrum(with_card(card))
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
    assert told(reading, "object") == "TEST-A"


def test_a_decimal_comma_in_a_card_of_the_axis_is_read_as_a_number() -> None:
    content = axis(OBJECT="TEST-A").replace(f"{'3800.0':>20}".encode(), f"{'3800,0':>20}".encode())
    reading = read_spectrum(content)
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
    assert "header_mended" in codes(reading)


def extension(name: str, low: float, high: float, level: float = 1.0, version: int = 1) -> fits.ImageHDU:
    hdu = fits.ImageHDU(level * (2 + np.sin(np.arange(400) / 9)), name=name, ver=version)
    hdu.header.update(CRVAL1=low, CDELT1=(high - low) / 399, CRPIX1=1, CUNIT1="Angstrom")
    return hdu


def test_further_science_extensions_are_further_spectra() -> None:
    readings = read_spectra(write(fits.PrimaryHDU(), extension("SCI", 3800, 9200), extension("SCI", 3800, 9200, 5, 2)))
    assert [round(float(reading.spectrum.flux.mean()) / 2) for reading in readings] == [1, 5]


def test_the_second_extension_of_errors_belongs_to_the_second_of_fluxes() -> None:
    first, second = extension("SCI", 3800, 9200), extension("SCI", 3800, 9200, 5, 2)
    errors = extension("ERR", 3800, 9200, 0.1), extension("ERR", 3800, 9200, 0.5, 2)
    readings = read_spectra(write(fits.PrimaryHDU(), first, errors[0], second, errors[1]))
    assert [reading.receipt["part"] for reading in readings] == ["SCI", "SCI,2"]
    for reading in readings:
        np.testing.assert_allclose(reading.spectrum.flux_error, 0.1 * reading.spectrum.flux, rtol=1e-5)


def test_rows_of_an_image_that_nothing_explains_are_left_out_with_a_warning() -> None:
    reading = read_spectrum(image(np.stack([FLUX, 2 * FLUX]), CRVAL1=3800.0, CDELT1=STEP, CRPIX1=1))
    assert "rows_left_out" in codes(reading)


def test_rows_of_a_table_are_named_by_its_column_of_objects() -> None:
    columns = [
        fits.Column("TARGETID", "K", array=[11, 12, 13]),
        fits.Column("OBJTYPE", "4A", array=["TGT", "SKY", "TGT"]),
        fits.Column("WAVE", "300D", array=np.stack([WAVELENGTH] * 3), unit="Angstrom"),
        fits.Column("FLUX", "300D", array=np.stack([FLUX, 2 * FLUX, 3 * FLUX])),
        fits.Column("OBJNAME", "12A", array=["SN2021abc", "sky", "SN2021abd"]),
    ]
    readings = read_spectra(write(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)))
    assert [told(reading, "object") for reading in readings] == ["SN2021abc", "SN2021abd"]


def test_orders_with_names_of_their_own_stay_one_spectrum_of_the_object() -> None:
    thirds = np.split(WAVELENGTH, 3)
    columns = [
        fits.Column("NAME", "4A", array=["UVB", "VIS", "NIR"]),
        fits.Column("WAVE", "100D", array=np.stack(thirds), unit="Angstrom"),
        fits.Column("FLUX", "100D", array=np.stack(np.split(FLUX, 3))),
    ]
    primary = fits.PrimaryHDU()
    primary.header["OBJECT"] = "SN2020abc"
    (reading,) = read_spectra(write(primary, fits.BinTableHDU.from_columns(columns)))
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))
    assert told(reading, "object") == "SN2020abc"


@pytest.mark.parametrize("between", ["", "# exposure 2\n# DATE-OBS: 2021-03-16T09:00:00\n"])
def test_exposures_one_below_the_other_in_a_text_are_several_spectra(between: str) -> None:
    first, second = text("# DATE-OBS: 2021-03-15T09:00:00"), text(columns=(WAVELENGTH, 3 * FLUX))
    readings = read_spectra(first + b"\n" + between.encode() + second, "spec.txt")
    assert len(readings) == 2
    np.testing.assert_allclose(readings[1].spectrum.flux, 3 * readings[0].spectrum.flux, rtol=1e-5)
    day = "16" if between else "15"
    assert told(readings[1], "observed_at") == f"2021-03-{day}T09:00:00Z"


def test_orders_in_a_text_stay_one_spectrum() -> None:
    orders = [text(columns=(WAVELENGTH[part], FLUX[part])) for part in (slice(0, 160), slice(140, 300))]
    assert len(read_spectra(b"\n".join(orders), "spec.txt")) == 1


def trace(name: str, low: float, high: float, level: float = 1.0, pad: int = 0) -> fits.BinTableHDU:
    wave, flux = np.linspace(low, high, 300), level * (2 + np.sin(np.arange(300) / 9))
    wave[: pad or 0], flux[: pad or 0] = 0, 0
    columns = [
        fits.Column("OPT_WAVE", "D", unit="Angstrom", array=wave),
        fits.Column("OPT_COUNTS", "D", array=flux),
        fits.Column("OPT_COUNTS_IVAR", "D", array=np.full(300, 100.0)),
    ]
    return fits.BinTableHDU.from_columns(columns, name=name)


def test_traces_of_one_slit_are_several_spectra_each_with_its_label() -> None:
    readings = read_spectra(
        write(fits.PrimaryHDU(), *(trace(f"SPAT0{n}-SLIT1-DET01", 3800, 9200, n) for n in (1, 2, 3)))
    )
    assert [reading.receipt["part"] for reading in readings] == [f"SPAT0{n}-SLIT1-DET01" for n in (1, 2, 3)]


def test_orders_of_two_objects_are_joined_for_each_object() -> None:
    tables = [
        trace(f"OBJ{number}-ORDER000{order}", low, high, number, pad=order)
        for order, low, high in ((3, 8000, 9000), (2, 6800, 8100), (1, 5600, 6900))
        for number in (1, 2)
    ]
    readings = read_spectra(write(fits.PrimaryHDU(), *tables))
    assert [round(float(reading.spectrum.flux.mean()) / 2) for reading in readings] == [1, 2]
    assert all(reading.spectrum.wavelength_range[0] < 5700 for reading in readings)
    assert all(reading.spectrum.wavelength_range[1] == pytest.approx(9000) for reading in readings)


def test_a_second_extraction_is_left_out_and_the_receipt_says_so() -> None:
    (reading,) = read_spectra(write(fits.PrimaryHDU(), trace("BOX", 3800, 9200), trace("OPTIMAL", 3800, 9200, 7)))
    assert float(reading.spectrum.flux.mean()) == pytest.approx(2, abs=0.2)
    assert any(guess["what"] == "extraction" for guess in reading.receipt["guesses"])


@pytest.mark.parametrize(
    ("word", "scale"), [("angstroms", 1.0), ("Angstroms", 1.0), ("nm", 10.0), ("microns", 1e4), ("Nanometers", 10.0)]
)
def test_the_units_of_wat1_count_on_a_linear_axis(word: str, scale: float) -> None:
    content = image(
        FLUX,
        CRVAL1=3800 / scale,
        CDELT1=STEP / scale,
        CRPIX1=1,
        WAT1_001=f"wtype=linear label=Wavelength units={word} units_display={word}",
    )
    assert read_spectrum(content).spectrum.wavelength_range == pytest.approx((3800, 9200))


@pytest.mark.parametrize("unit", ["s", "cm/s", "parsec", "adu"])
def test_a_unit_that_is_none_of_wavelength_warns(unit: str) -> None:
    assert "unit_unknown" in codes(read_spectrum(axis(CUNIT1=unit)))


@pytest.mark.parametrize(
    ("code", "medium"), [("WAVELENGTH", None), ("Wave length", None), ("WAVE", "vacuum"), ("AWAV", "air")]
)
def test_only_the_codes_of_the_standard_tell_the_medium(code: str, medium: str | None) -> None:
    assert read_spectrum(axis(CTYPE1=code, CUNIT1="Angstrom")).spectrum.medium == medium


def test_a_header_that_names_the_medium_is_believed_before_the_code_of_the_axis() -> None:
    assert read_spectrum(axis(CTYPE1="WAVE", AIRORVAC="air")).spectrum.medium == "air"


@pytest.mark.parametrize(
    "cards",
    [
        {"SPECSYS": "SOURCE"},
        {"DOPCOR": "0.031"},
        {"HISTORY": "dereddened and deredshifted with z=0.02"},
        {"COMMENT": "Wavelengths are corrected for redshift"},
        {"NOTE": "restframe"},
        {"HISTORY": "dopcor z=0.0312"},
        {"FRAME": "Rest"},
        {"DEREDSHI": "T"},
        {"ZCORR": "0.031"},
    ],
)
def test_a_header_that_says_rest_frame_warns(cards: dict[str, str]) -> None:
    assert "looks_rest_frame" in codes(read_spectrum(axis(**cards)))


def test_a_key_of_a_text_file_says_rest_frame_as_a_card_does() -> None:
    assert "looks_rest_frame" in codes(read_spectrum(text("# frame: rest")))


@pytest.mark.parametrize(
    "cards",
    [
        {"SPECSYS": "TOPOCENT"},
        {"SPECSYS": "BARYCENT"},
        {"HISTORY": "not in rest frame"},
        {"HISTORY": "not corrected to the rest frame"},
        {"DEREDSHI": "F"},
        {"Z_CORR": "0.00"},
        {"DOPCOR01": "20.03683 all"},
        {"FRAME": "source"},
    ],
)
def test_a_header_that_says_observed_frame_does_not_warn(cards: dict[str, str]) -> None:
    assert "looks_rest_frame" not in codes(read_spectrum(axis(**cards)))


@pytest.mark.parametrize(
    "header",
    [
        ["# OBSERVER Lam"],
        ["# PI: Wave"],
        ["# target = flux_cal"],
        ["# OBJECT : x"],
        ["# Grism: lambda600"],
        ["# y = flux", "# x = wavelength"],
    ],
)
def test_a_line_of_the_header_is_not_taken_for_names_of_columns(header: list[str]) -> None:
    counts = FLUX / FLUX.mean() * 5000
    reading = read_spectrum(text(*header, columns=(WAVELENGTH, counts)))
    assert reading.spectrum.wavelength_range == pytest.approx((3800, 9200))


@pytest.mark.parametrize(
    "header",
    [
        "# energy [keV] rate",
        "# energy keV rate",
        "# freq [GHz] flux",
        "# velocity [km/s] flux",
        "# Energy (keV) counts",
    ],
)
def test_an_axis_that_is_none_of_wavelength_is_refused_by_its_name(header: str) -> None:
    with pytest.raises(SpectrumError) as refused:
        read_spectrum(text(header, columns=(np.linspace(0.3, 8.3, 300), FLUX)))
    assert refused.value.code == "no_wavelengths"


@pytest.mark.parametrize(
    "header",
    [
        "# velocity corrected flux spectrum",
        "# pixel scale and flux calibrated",
        "# energy flux density spectrum",
        "# velocity frame heliocentric; flux calibrated",
    ],
)
def test_a_sentence_above_the_numbers_refuses_no_file(header: str) -> None:
    assert read_spectrum(text(header)).spectrum.wavelength_range == pytest.approx((3800, 9200))


@pytest.mark.parametrize(
    "header",
    [
        ("OBJECT SN2021abc", "redshift 0.03", "RA: 12:30:00 DEC: -12:30:00"),
        ("Supernova: SN2021abc", "z_host = 0.03", "RA/Dec: 187.5 -12.5"),
        ("target SN2021abc", "Redshift (host): 0.03", "Coordinates: 12 30 00 -12 30 00"),
    ],
)
def test_a_header_is_read_in_the_words_of_people(header: tuple[str, ...]) -> None:
    reading = read_spectrum(text(*(f"# {line}" for line in header)), "spec.txt")
    assert [told(reading, what) for what in ("object", "redshift", "ra", "dec")] == ["SN2021abc", 0.03, 187.5, -12.5]


@pytest.mark.parametrize("name", ["SN2020abc_z0.05.txt", "z0.1_test.txt", "host_z0p034.dat", "obj_z0.txt_v2"])
def test_a_redshift_in_the_name_of_a_file_is_no_word_for_rest_frame(name: str) -> None:
    assert ("looks_rest_frame" in codes(read_spectrum(text(), name))) == (name == "obj_z0.txt_v2")


def open_catalog(entry: list[Any]) -> bytes:
    return json.dumps({"SN1987A": {"spectra": [entry]}, "SN2011fe": {"spectra": [entry, entry]}}).encode()


ROWS = [[f"{w:.1f}", f"{f:.4e}", f"{0.1 * f:.4e}"] for w, f in zip(WAVELENGTH, FLUX, strict=True)]


@pytest.mark.parametrize(
    "entry",
    [
        ["59288.5", ROWS],
        [ROWS, "59288.5", "EFOSC", "NTT"],
        ["59288.5", [row[0] for row in ROWS], [row[1] for row in ROWS]],
    ],
)
def test_the_open_astronomy_catalogs_answer_in_any_order_of_its_fields(entry: list[Any]) -> None:
    readings = read_spectra(open_catalog(entry))
    assert [told(reading, "object") for reading in readings] == ["SN1987A", "SN2011fe", "SN2011fe"]
    assert {told(reading, "observed_at") for reading in readings} == {"2021-03-15T12:00:00Z"}


def test_rows_of_json_objects_are_read_as_a_table() -> None:
    rows = [{"wavelength": w, "flux": f} for w, f in zip(WAVELENGTH, FLUX, strict=True)]
    assert read_spectrum(json.dumps(rows).encode()).spectrum.wavelength_range == pytest.approx((3800, 9200))


def snana(names: str, rows: list[str], spectra: int) -> bytes:
    lines = ["SURVEY: X", "SNID: 2021abc", "REDSHIFT_FINAL: 0.03 +- 0.001 (CMB)", f"NSPECTRA: {spectra}"]
    lines.append(f"VARNAMES_SPEC: {names}")
    for number in range(spectra):
        lines += [f"SPECTRUM_ID: {number + 1}", f"SPECTRUM_MJD: {59288.375 + number}", *rows, "SPECTRUM_END:"]
    return "\n".join(lines).encode()


def test_spectra_of_a_snana_file_are_read_with_their_dates() -> None:
    rows = [f"SPEC: {w:.2f} {f:.4e} {0.1 * f:.4e}" for w, f in zip(WAVELENGTH, FLUX, strict=True)]
    readings = read_spectra(snana("LAMAVG FLAM FLAMERR", rows, 2))
    assert [told(reading, "observed_at") for reading in readings] == ["2021-03-15T09:00:00Z", "2021-03-16T09:00:00Z"]
    assert {told(reading, "redshift") for reading in readings} == {0.03}
    assert readings[0].spectrum.flux_error is not None


def test_fibres_are_named_by_their_table_and_those_on_the_sky_are_left_out() -> None:
    cube = np.stack([FLUX, 2 * FLUX, 3 * FLUX, 4 * FLUX, 5 * FLUX])
    primary = fits.PrimaryHDU(cube)
    primary.header.update(CRVAL1=3800.0, CDELT1=STEP, CRPIX1=1, CUNIT1="Angstrom", OBJECT="FIELD")
    names = [fits.Column("NAME", "20A", array=["a", "b", "sky", "c", "guide"])]
    kinds = [fits.Column("TYPE", "1A", array=["P", "P", "S", "P", "F"])]
    fibres = fits.BinTableHDU.from_columns([*names, *kinds], name="FIBRES")
    readings = read_spectra(write(primary, fibres))
    assert [told(reading, "object") for reading in readings] == ["a", "b", "c"]
