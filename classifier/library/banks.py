"""Named spectra from the banks of NGSF and of its predecessor Superfit.

NGSF's bank has a folder for each type and in it one for each object, which holds spectra in the observed frame and
WISeREP's table of them. Superfit's has a folder for each type; the name of a file says object and age, and its spectrum
is in the rest frame.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from classifier.errors import SpectrumError
from classifier.library.library import LibraryObject
from classifier.library.named import Named, class_of, each_row, read_named
from classifier.spectrum import is_plausible_redshift
from classifier.taxonomy import Taxonomy

_NGSF_TABLE = "wiserep_spectra.csv"
# NGSF keeps this one beside its code, the folder above the bank or another one there.
_MAXIMA = "mjd_of_maximum_brightness.csv"
_JD_OF_MJD = 2_400_000.5
# A file of Superfit, such as sn1994D.m05.dat: p and m are days from maximum, u days from the first spectrum.
_SUPERFIT = re.compile(r"(?P<name>.+)\.(?P<sign>[pmu]|max)(?P<days>\d{0,4})\.dat", re.I)
# Folders whose names say their type in another way than the rest of the library.
_TYPES = {
    "2002cx": "Iax",
    "Ca-Ib": "Ib - Ca-rich",
    "IIb-flash": "IIb",
    "Ia 02es-like": "Ia-pec",
    "Ia 91T-like": "Ia-91T",
    "Ia 91bg-like": "Ia-91bg",
    "Ia 99aa-like": "Ia-99aa",
    "Ia-02cx like": "Iax",
    "Ia-CSM-(ambigious)": "Ia-CSM",
    "Ia-rapid": "Ia-pec",
    "SLSN-IIn": "SLSN-II",
    "SLSN-Ib": "SLSN-I",
    "SN - Imposter": "Impostor",
    "TDE H": "TDE-H",
    "TDE H+He": "TDE-H+He",
    "TDE He": "TDE-He",
    "super_chandra": "Ia-pec",
}


def from_ngsf(folder: Path, taxonomy: Taxonomy) -> Iterator[Named | SpectrumError]:
    """Read every object under a folder that has WISeREP's table. Copies that NGSF binned have none and are passed over.

    folder: the bank, or better the folder that holds it and NGSF's code, whose table of maxima tells the phases.
    """
    maxima: dict[str, float] = {}
    for path in sorted(folder.rglob(_MAXIMA)):
        for found in each_row(path, _maximum):
            if isinstance(found, SpectrumError):
                yield found
            else:
                maxima |= found
    for path in sorted(folder.rglob(_NGSF_TABLE)):
        maximum = maxima.get(path.parent.name, math.nan)
        yield from each_row(path, functools.partial(_from_row, path.parent, maximum, taxonomy))


def from_superfit(folder: Path, taxonomy: Taxonomy) -> Iterator[Named | SpectrumError]:
    """Read every file under a folder that has a name as in Superfit's bank."""
    for path in sorted(folder.rglob("*.dat")):
        named = _SUPERFIT.fullmatch(path.name)
        # Superfit keeps spectra that it replaced in this folder.
        if named is None or path.parent.name == "backup":
            continue
        sign, days = named["sign"].lower(), float(named["days"] or 0)
        phase = {"p": days, "m": -days, "max": 0.0}.get(sign, math.nan)
        entry = _entry(named["name"], path.parent.name, "Superfit bank", taxonomy)
        try:
            yield read_named(path.parent, path.name, entry, 0.0, phase)
        except SpectrumError as error:
            yield error


def _entry(name: str, folder: str, source: str, taxonomy: Taxonomy) -> LibraryObject:
    kind = _TYPES.get(folder, folder)
    return LibraryObject(name, kind, class_of(kind, taxonomy), source)


def _maximum(row: Mapping[str, str]) -> dict[str, float]:
    """Return the MJD of an object's maximum by its name, NaN if it is unknown or was missed."""
    day = _number(row["mjd_peak"])
    return {row["Name"]: day if day > 0 and _number(row["isupperlimit"]) == 0 else math.nan}


def _from_row(folder: Path, maximum: float, taxonomy: Taxonomy, row: Mapping[str, str]) -> Named:
    """Read the spectrum of one row of WISeREP's table. Raises SpectrumError if it cannot be used."""
    redshift = _number(row["Redshift"])
    entry = _entry(folder.name, folder.parent.name, "NGSF bank", taxonomy)
    days = _number(row["JD"]) - _JD_OF_MJD - maximum
    phase = days / (1 + redshift) if is_plausible_redshift(redshift) else math.nan
    return read_named(folder, row["Ascii file"], entry, redshift, phase)


def _number(cell: str) -> float:
    """Return the number in a cell, NaN if it is empty. Raises ValueError if it is no number."""
    return float(cell or "nan")
