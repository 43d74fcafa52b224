"""Text, JSON and VOTable files as scripts and services write them: read to the same arrays, or refused for a reason."""

from __future__ import annotations

import io
import json
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from classifier.errors import SpectrumError
from classifier.readers import Corrections, Reading, read_spectra, read_spectrum
from tests.classifier import makers
from tests.classifier.makers import FLUX, WAVELENGTH, text

W, F = WAVELENGTH, FLUX
E = 0.05 * FLUX
FLAM = u.Unit("erg/(s cm2 AA)")


def by_astropy(table: Table, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO() if form == "votable" else io.StringIO()
    table.write(buffer, format=form, **options)
    content = buffer.getvalue()
    return content if isinstance(content, bytes) else content.encode()


def same(reading: Reading, wavelength: Any = W, flux: Any = F) -> bool:
    """Whether it holds the wavelengths in Å and the flux up to a factor."""
    read = reading.spectrum
    if read.wavelength.shape != wavelength.shape or not np.allclose(read.wavelength, wavelength, rtol=2e-5):
        return False
    ratio = read.flux / flux
    return bool(np.allclose(ratio, np.median(ratio), rtol=2e-3))


def spelt(row: str, **changes: str) -> bytes:
    """300 rows, each ``row`` filled in with i, w and f."""
    lines = [row.format(i=i, w=w, f=f) for i, (w, f) in enumerate(zip(W, F, strict=True))]
    return "\n".join(lines).encode()


GERMAN = text(W, F, separator=";").replace(b".", b",")
SAME: dict[str, bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + text(W, F),
    "UTF-16": "\ufeff# wave flux\n".encode("utf-16-le") + text(W, F).decode().encode("utf-16-le"),
    "UTF-16, big end first": b"\xfe\xff" + text(W, F).decode().encode("utf-16-be"),
    "UTF-16 without its mark": text(W, F).decode().encode("utf-16-le"),
    "line ends of old Macs": text(W, F).replace(b"\n", b"\r"),
    "Latin-1": "# Étoile, λ\n".encode("latin-1", "replace") + text(W, F),
    "padding of zeros": text(W, F) + bytes(600),
    "the end-of-file sign of DOS": text(W, F) + b"\x1a",
    "decimal commas and semicolons": GERMAN,
    "decimal commas and tabs": text(W, F, separator="\t").replace(b".", b","),
    "decimal commas within quotes": spelt('"{w:.2f}";"{f:.5g}"').replace(b".", b","),
    "thousands parted within quotes": b"wave,flux\n" + spelt('"{w:,.2f}",{f:.5g}'),
    "Fortran exponents": text(W, F, form="{:.6E}").replace(b"E", b"D"),
    "an index before the columns": b",wavelength,flux\n" + spelt("{i},{w:.3f},{f:.5g}"),
    "an index without a name": spelt("{i} {w:.3f} {f:.5g}"),
    "columns between bars": b"| wave | flux |\n|------|------|\n" + spelt("| {w:.2f} | {f:.5g} |"),
    "bars between columns": text(W, F, separator=" | "),
    "brackets around rows": spelt("({w:.2f}, {f:.5g}),"),
    "the object's name in each row": b"name,wavelength,flux\n" + spelt("SN2020abc,{w:.2f},{f:.5g}"),
    "a word in each row": spelt("wl {w:.2f} {f:.5g}"),
    "remarks behind rows": spelt("{w:.2f} {f:.5g} # fine"),
    "how many rows follow": b"300 2\n" + text(W, F),
    "a date in numbers": b"2020 1 2\n" + text(W, F),
    "flux first": text(F, W),
    "flux first, named": b"flux,wave\n" + text(F, W, separator=","),
    "descending": text(W[::-1], F[::-1]),
    "log10 of wavelengths": text(np.log10(W), F, form="{:.9g}"),
    "ln of wavelengths": text(np.log(W), F, form="{:.9g}"),
    "ln of wavelengths, named": b"# ln_lambda flux\n" + text(np.log(W), F, form="{:.9g}"),
    "metres": b"# wave(m) flux\n" + text(W * 1e-10, F, form="{:.7g}"),
    "log10 of flux, named": b"# wave log_flux\n" + text(W, np.log10(F)),
    "observed beside rest": b"# lambda_rest lambda_obs flux\n" + text(W / 1.05, W, F),
    "ECSV": by_astropy(Table({"wavelength": W / 10 * u.nm, "flux": F * FLAM}), "ascii.ecsv"),
    "ECSV, errors first": by_astropy(Table({"flux_err": E * FLAM, "flux": F * FLAM, "wave": W * u.AA}), "ascii.ecsv"),
    "IPAC": by_astropy(Table({"wave": W / 10 * u.nm, "flux": F * FLAM}), "ascii.ipac"),
    "fixed width": by_astropy(Table({"wave": W, "flux": F}), "ascii.fixed_width"),
    "reStructuredText": by_astropy(Table({"wave": W, "flux": F}), "ascii.rst"),
    "machine-readable table": by_astropy(Table({"wave": W * u.AA, "flux": F * FLAM}), "ascii.mrt"),
    "JSON rows": json.dumps(np.column_stack([W, F]).tolist()).encode(),
    "JSON columns": json.dumps({"wavelength": (W / 10).tolist(), "wavelength_unit": "nm", "flux": F.tolist()}).encode(),
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same_spectrum_is_read_from_every_dialect(kind: str) -> None:
    readings = read_spectra(SAME[kind], "a.dat")
    assert len(readings) == 1
    assert same(readings[0])


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_votables_are_read_by_their_units(form: str) -> None:
    table = Table({"lambda": W / 10 * u.nm, "flux": F * FLAM, "flux_err": E * FLAM})
    reading = read_spectrum(by_astropy(table, "votable", tabledata_format=form), "a.xml")
    assert same(reading)
    assert reading.spectrum.flux_error is not None
    assert reading.spectrum.flux_kind == "flam"


def test_the_open_supernova_catalogs_json_is_read_with_what_it_says() -> None:
    rows = [[f"{w:.3f}", f"{f:.6g}"] for w, f in zip(W / 10, F, strict=True)]
    record = {
        "time": "55797.2",
        "u_time": "MJD",
        "u_wavelengths": "nm",
        "u_fluxes": "erg/s/cm^2/Angstrom",
        "data": rows,
    }
    said = {"instrument": "SNIFS", "deredshifted": True}
    reading = read_spectrum(
        json.dumps({"SN2011fe": {"name": "SN2011fe", "spectra": [record | said]}}).encode(), "a.json"
    )
    assert same(reading)
    assert (reading.spectrum.object_name, reading.spectrum.instrument) == ("SN2011fe", "SNIFS")
    assert reading.spectrum.observed_at is not None
    assert reading.spectrum.observed_at.date().isoformat() == "2011-08-24"
    assert [w["code"] for w in reading.receipt["warnings"]] == ["looks_rest_frame"]


@pytest.mark.parametrize(
    ("unit", "kind"),
    [("Jy", "fnu"), ("erg/s/cm2/Hz", "fnu"), ("10^-17 erg/cm2/s/A", "flam"), ("erg/cm2/s/Angstroem", "flam")],
)
def test_the_unit_of_flux_is_found_beside_its_name(unit: str, kind: str) -> None:
    reading = read_spectrum(f"# wavelength(A) flux({unit})\n".encode() + text(W, F), "a.dat")
    assert reading.spectrum.flux_kind == kind
    assert same(reading, flux=F / W**2 if kind == "fnu" else F)


@pytest.mark.parametrize("form", ["ascii.ecsv", "ascii.ipac"])
def test_janskys_of_a_tables_header_are_not_read_as_a_flux_per_wavelength(form: str) -> None:
    reading = read_spectrum(by_astropy(Table({"wave": W / 1e4 * u.um, "flux": F * u.Jy}), form), "a.dat")
    assert reading.spectrum.flux_kind == "fnu"
    assert same(reading, flux=F / W**2)


DAYS = np.arange(300.0)
NO_SPECTRA: dict[str, tuple[bytes, str]] = {
    "frequencies": (b"# freq(THz) flux\n" + text(2.998e6 / W, F), "a frequency"),
    "energies": (b"# energy(eV) flux\n" + text(12398 / W, F), "an energy"),
    "wavenumbers": (b"# wavenumber(cm-1) flux\n" + text(1e8 / W, F), "a wavenumber"),
    "velocities": (b"# velocity(km/s) flux\n" + text(W, F), "a velocity"),
    "a light curve": (b"# MJD mag err\n" + text(58000 + DAYS, 18 + DAYS % 3, E), "a time"),
    "a light curve without names": (text(58000 + DAYS, 18 + DAYS % 3), "light curve"),
    "a catalogue": (b"# id ra dec\n" + text(DAYS, 10 + DAYS / 300, DAYS / 30), "a place in the sky"),
    "pixels": (b"# pixel counts\n" + text(3800 + DAYS, 1 + DAYS % 3), "a count of samples"),
}


@pytest.mark.parametrize("kind", NO_SPECTRA)
def test_tables_of_something_else_are_refused_by_what_they_are(kind: str) -> None:
    content, reason = NO_SPECTRA[kind]
    with pytest.raises(SpectrumError, match=reason) as caught:
        read_spectrum(content, "a.dat")
    assert caught.value.code == "no_wavelengths"


def test_the_user_may_overrule_a_refusal_by_name() -> None:
    content = b"# pixel counts\n" + text(W, F)
    assert same(read_spectrum(content, "a.dat", Corrections(wavelength_unit="angstrom")))


def test_numbers_that_two_units_share_are_guessed_with_less_confidence() -> None:
    def confidence(first: float, last: float) -> float:
        reading = read_spectrum(text(np.linspace(first, last, 300), F), "a.dat")
        return float(next(g["confidence"] for g in reading.receipt["guesses"] if g["what"] == "wavelength_unit"))

    assert confidence(1150, 1700) < 0.7 < confidence(3800, 9200)
    assert confidence(905, 1190) < 0.7 < confidence(380, 920)


@pytest.mark.parametrize(
    "document",
    [
        b"<VOTABLE><RESOURCE><TABLE><DATA><BINARY><STREAM href='file:///etc/passwd'/></BINARY></DATA></TABLE></RESOURCE>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><VOTABLE/>".replace(b"<!", b"<?xml version='1.0'?><!", 1),
        b"<VOTABLE>" + b"<FIELD name='a' datatype='double'/>" * 2000,
        b"<VOTABLE><FIELD name='a' datatype='double' arraysize='999999999'/></VOTABLE>",
        b"<VOTABLE>\xff\x00 no document",
        # Found by fuzzing: astropy raises a warning of its own.
        b"<VOTABLE><RESOURCE><TABLE><FIELD Iame='flux'/></TABLE></RESOURCE></VOTABLE>",
    ],
)
def test_votables_that_reach_elsewhere_or_lie_are_refused(document: bytes) -> None:
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(document, "a.xml")
    assert caught.value.code == "bad_votable"


def test_what_a_votable_promises_in_rows_costs_no_memory() -> None:
    table = Table({"wave": W, "flux": F})
    content = by_astropy(table, "votable").replace(b"<TABLE>", b'<TABLE nrows="999999999">')
    assert b"999999999" in content
    assert same(read_spectrum(content, "a.xml"))


def test_a_table_in_janskys_keeps_its_errors_in_proportion() -> None:
    reading = read_spectrum(makers.text(W, F, E, head="# wave flux(Jy) err\n"), "a.dat")
    assert reading.spectrum.flux_error is not None
    np.testing.assert_allclose(reading.spectrum.flux_error / reading.spectrum.flux, 0.05, rtol=1e-3)
