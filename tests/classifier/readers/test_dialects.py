"""Text, JSON and VOTable files from scripts and services are read to the same arrays or refused with a reason."""

from __future__ import annotations

import json

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from classifier.errors import SpectrumError
from classifier.readers import Corrections, read_spectra, read_spectrum
from tests import spectrum_files
from tests.classifier.readers.dialects import FLAM, SAME, E, F, W
from tests.spectrum_files import by_astropy, same, text


@pytest.mark.parametrize("kind", SAME)
def test_the_same_spectrum_is_read_from_every_dialect(kind: str) -> None:
    readings = read_spectra(SAME[kind], "a.dat")
    assert len(readings) == 1
    assert same(readings[0])


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_votables_are_read_in_their_units(form: str) -> None:
    table = Table({"lambda": W / 10 * u.nm, "flux": F * FLAM, "flux_err": E * FLAM})
    reading = read_spectrum(by_astropy(table, "votable", tabledata_format=form), "a.xml")
    assert same(reading)
    assert reading.spectrum.flux_error is not None
    assert reading.spectrum.flux_kind == "flam"


def test_json_of_the_open_supernova_catalog_is_read_with_its_metadata() -> None:
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
def test_the_flux_unit_is_read_from_the_name_of_its_column(unit: str, kind: str) -> None:
    reading = read_spectrum(f"# wavelength(A) flux({unit})\n".encode() + text(W, F), "a.dat")
    assert reading.spectrum.flux_kind == kind
    assert same(reading, flux=F / W**2 if kind == "fnu" else F)


@pytest.mark.parametrize("form", ["ascii.ecsv", "ascii.ipac"])
def test_flux_in_jansky_is_not_taken_for_flux_per_wavelength(form: str) -> None:
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
def test_a_table_that_is_not_a_spectrum_is_refused_with_what_it_is(kind: str) -> None:
    content, reason = NO_SPECTRA[kind]
    with pytest.raises(SpectrumError, match=reason) as caught:
        read_spectrum(content, "a.dat")
    assert caught.value.code == "no_wavelengths"


def test_the_user_may_overrule_a_refusal_by_naming_the_unit() -> None:
    content = b"# pixel counts\n" + text(W, F)
    assert same(read_spectrum(content, "a.dat", Corrections(wavelength_unit="angstrom")))


def test_wavelengths_that_fit_two_units_are_guessed_with_less_confidence() -> None:
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
        # Found by fuzzing: astropy raises its own kind of warning here.
        b"<VOTABLE><RESOURCE><TABLE><FIELD Iame='flux'/></TABLE></RESOURCE></VOTABLE>",
    ],
)
def test_votables_with_external_references_or_false_sizes_are_refused(document: bytes) -> None:
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(document, "a.xml")
    assert caught.value.code == "bad_votable"


def test_the_row_count_claimed_by_a_votable_takes_no_memory() -> None:
    table = Table({"wave": W, "flux": F})
    content = by_astropy(table, "votable").replace(b"<TABLE>", b'<TABLE nrows="999999999">')
    assert b"999999999" in content
    assert same(read_spectrum(content, "a.xml"))


def test_errors_in_jansky_are_converted_with_the_flux() -> None:
    reading = read_spectrum(spectrum_files.text(W, F, E, head="# wave flux(Jy) err\n"), "a.dat")
    assert reading.spectrum.flux_error is not None
    np.testing.assert_allclose(reading.spectrum.flux_error / reading.spectrum.flux, 0.05, rtol=1e-3)
