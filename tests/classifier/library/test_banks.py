"""Banks of NGSF and Superfit become named spectra, and what is damaged in them is counted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classifier.errors import SpectrumError
from classifier.library.importers import import_library
from classifier.library.library import GRID, Library
from classifier.taxonomy import load_taxonomy
from classifier.training.public_archives import Summary
from tests.classifier.library.test_library import KINDS, WAVELENGTH, shape
from tests.spectrum_files import text

FLUX = shape(KINDS["Ia-norm"], 0)


def imported(*paths: Path) -> tuple[Library, Summary]:
    return import_library(list(paths), load_taxonomy())


def superfit(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(WAVELENGTH, FLUX))


def ngsf(folder: Path, kind: str, name: str, rows: list[tuple[str, str, str]], redshift: float = 0.1) -> Path:
    """Write one object as NGSF's bank holds it: rows of file, redshift and Julian date."""
    place = folder / "bank" / "original_resolution" / "sne" / kind / name
    place.mkdir(parents=True)
    lines = ["Obj. ID,Redshift,JD,Obs-date,Instrument,Ascii file"]
    for file, z, day in rows:
        (place / file).write_bytes(text(WAVELENGTH * (1 + redshift), FLUX))
        lines.append(f'1,{z},{day},2010-01-01,"P60, SEDM",{file}')
    (place / "wiserep_spectra.csv").write_text("\n".join(lines))
    return place


def maxima(folder: Path, *lines: str) -> None:
    (folder / "NGSF").mkdir(exist_ok=True)
    table = "\n".join(["Name,mjd_peak,band_peak,isupperlimit", *lines])
    (folder / "NGSF" / "mjd_of_maximum_brightness.csv").write_text(table)


def test_a_bank_of_superfit_has_object_and_age_in_the_names_of_files(tmp_path: Path) -> None:
    names = ("Ia/sn1994D.m05.dat", "Ia/sn1994d.max.dat", "Ia/sn94D.p113.dat", "II/sn1988z.u00.dat")
    superfit(
        tmp_path, *names, "2002cx/sn2002cx.p11.dat", "Ia/theory.45.dat", "Ia/old.p02.dat~", "backup/sn2002bj.p02.dat"
    )
    library, summary = imported(tmp_path)
    assert summary.refused == {}
    assert {(entry.name, entry.type, entry.class_name) for entry in library.objects} == {
        ("sn1994D", "Ia", "SN Ia"),
        ("sn1988z", "II", "SN II"),
        ("sn2002cx", "Iax", "SN Ia"),
    }
    phases = {library.objects[owner].name: [] for owner in library.owner}
    for owner, phase in zip(library.owner, library.phase.tolist(), strict=True):
        phases[library.objects[owner].name].append(phase)
    assert sorted(phases["sn1994D"]) == [-5.0, 0.0, 113.0]
    assert phases["sn2002cx"] == [11.0]
    # Days from the first spectrum say nothing about the maximum.
    assert math.isnan(phases["sn1988z"][0])


def test_a_bank_of_ngsf_is_moved_to_the_rest_frame_and_its_ages_are_counted_there(tmp_path: Path) -> None:
    place = ngsf(tmp_path, "Ia 91bg-like", "SN2009xx", [("a.dat", "0.1", "2455011.5"), ("b.dat", "0.1", "")])
    (place / "photometry.csv").write_text("not a spectrum")
    binned = tmp_path / "bank" / "binnings" / "10A" / "sne" / "Ia 91bg-like" / "SN2009xx"
    binned.mkdir(parents=True)
    (binned / "a.dat").write_bytes(text(WAVELENGTH, FLUX))
    maxima(tmp_path, "SN2009xx,55000,B,0")
    library, summary = imported(tmp_path)
    assert summary.refused == {}
    assert [(e.name, e.type, e.class_name) for e in library.objects] == [("SN2009xx", "Ia-91bg", "SN Ia")]
    assert library.phase[0] == pytest.approx(11 / 1.1)
    assert math.isnan(library.phase[1])
    superfit(tmp_path / "rest", "Ia/sn1.max.dat")
    (at_rest, _) = imported(tmp_path / "rest")
    both = (library.weight[0] > 0.9) & (at_rest.weight[0] > 0.9)
    assert both.sum() > 400
    np.testing.assert_allclose(library.flux[0][both], at_rest.flux[0][both], atol=0.05)


@pytest.mark.parametrize("line", ["SN2009xx,-1,B,0", "SN2009xx,55000,B,1", "SN2010yy,55000,B,0"])
def test_without_a_measured_maximum_an_age_is_unknown(tmp_path: Path, line: str) -> None:
    ngsf(tmp_path, "IIn", "SN2009xx", [("a.dat", "0.1", "2455011.5")])
    maxima(tmp_path, line)
    assert math.isnan(imported(tmp_path)[0].phase[0])


def test_damage_in_a_bank_of_ngsf_is_counted_and_the_rest_goes_in(tmp_path: Path) -> None:
    good, bad = "2455011.5", "yesterday"
    rows = [("a.dat", "0.1", good), ("b.dat", "", good), ("c.dat", "-3", good), ("d.dat", "0.1", bad)]
    place = ngsf(tmp_path, "II", "SN2009xx", [*rows, ("e.dat", "0.1", good), ("f.dat", "0.1", good)])
    (place / "e.dat").unlink()
    (place / "f.dat").write_bytes(b"\x00\x01")
    with (place / "wiserep_spectra.csv").open("a") as table:
        table.write(f"\n1,0.1,{good},x,y,../../../../../secret.dat\n1")
    (tmp_path / "bank" / "secret.dat").write_bytes(text(WAVELENGTH, FLUX))
    broken = ngsf(tmp_path, "II", "SN2010zz", [])
    (broken / "wiserep_spectra.csv").write_bytes(b"Redshift,JD\n\xff\xfe")
    maxima(tmp_path, "SN2009xx,early,B,0")
    library, summary = imported(tmp_path)
    assert len(library) == 1
    assert summary.refused["no_redshift"] == 2
    # The day, the two files that are not there, the row that ends early and the day of maximum.
    assert summary.refused["bad_row"] == 5
    assert summary.refused["bad_table"] == 1
    assert sum(summary.refused.values()) == 9


def test_a_table_of_maxima_without_names_and_an_impossible_redshift_do_not_end_an_import(tmp_path: Path) -> None:
    ngsf(tmp_path, "II", "SN2009xx", [("a.dat", "0.1", "2455011.5"), ("b.dat", "-1", "2455011.5")])
    maxima(tmp_path)
    (tmp_path / "NGSF" / "mjd_of_maximum_brightness.csv").write_text("Object,mjd_peak,isupperlimit\nSN2009xx,55000,0")
    library, summary = imported(tmp_path)
    assert len(library) == 1
    assert summary.refused == {"bad_row": 1, "no_redshift": 1}


CELLS = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(st.lists(CELLS, max_size=6), max_size=4), tail=st.binary(max_size=30))
def test_no_table_of_a_bank_stops_an_import(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], tail: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bank")
    superfit(folder, "Ia/sn1994D.m05.dat")
    place = ngsf(folder, "Ia-norm", "SN2009xx", [])
    lines = ["Redshift,JD,Ascii file", *(",".join(cells) for cells in table)]
    (place / "wiserep_spectra.csv").write_bytes("\n".join(lines).encode() + tail)
    maxima(folder, *(",".join(cells) for cells in table))
    library, summary = imported(folder)
    assert len(library) == 1
    assert library.flux.shape == (1, GRID.samples)
    assert {"Superfit bank"} == set(summary.written)


def test_a_bank_without_a_single_spectrum_is_an_error(tmp_path: Path) -> None:
    ngsf(tmp_path, "Ia-norm", "SN2009xx", [])
    with pytest.raises(SpectrumError, match="no named spectrum"):
        imported(tmp_path)


def test_a_table_of_ones_own_needs_a_redshift_unless_the_spectrum_is_at_rest(tmp_path: Path) -> None:
    (tmp_path / "observed.txt").write_bytes(text(WAVELENGTH, FLUX))
    rows = ["file,name,type,phase,redshift", "observed.txt,SN A,Ia,0,", "observed.txt,SN B,Ia,0,0.02"]
    (tmp_path / "library.csv").write_text("\n".join(rows))
    library, summary = imported(tmp_path)
    assert [entry.name for entry in library.objects] == ["SN B"]
    assert summary.refused == {"no_redshift": 1}


def test_a_table_of_ones_own_may_come_from_a_spreadsheet_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "observed.txt").write_bytes(text(WAVELENGTH, FLUX))
    rows = ["file,name,type,phase,redshift", "observed.txt,SN B,Ia,0,0.02"]
    (tmp_path / "library.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    library, summary = imported(tmp_path)
    assert ([entry.name for entry in library.objects], summary.refused) == (["SN B"], {})
