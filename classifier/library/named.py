"""A named spectrum as its source gives it, and the class of a source's type."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from classifier.errors import SpectrumError
from classifier.library.library import LibraryObject
from classifier.readers import read_spectra
from classifier.spectrum import PLAUSIBLE_REDSHIFTS, Array, is_plausible_redshift
from classifier.taxonomy import Taxonomy
from classifier.training.public_archives import label_of

_T = TypeVar("_T")

# Types of other libraries that the taxonomy knows under another name.
_TYPES = {
    "Ia-csm": "Ia-CSM",
    "Ia-02cx": "Iax",
    "Ib-norm": "Ib",
    "Ic-norm": "Ic",
    "Ic-broad": "Ic-BL",
    "TDE-Ftless": "TDE-featureless",
    "TDE-H-He": "TDE-H+He",
    "C-star": "Star",
    "M-star": "Star",
    "AGN-type1": "AGN",
    "Ia-03fg": "Ia-pec",
    "Ia-02es": "Ia-pec",
    "II-flash": "II",
    **dict.fromkeys(("Gal-E", "Gal-S0", "Gal-SB", "Gal-Sa", "Gal-Sb", "Gal-Sc"), "Galaxy"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Named:
    """One spectrum with what its source says of it.

    wavelength: (n,) Å, rest frame.
    flux: (n,) F_λ in any unit.
    phase: rest-frame days from maximum light, NaN if unknown.
    """

    entry: LibraryObject
    wavelength: Array
    flux: Array
    phase: float


def class_of(kind: str, taxonomy: Taxonomy) -> str:
    """Return the class that a source's type is trained as, or another class of the taxonomy, or ""."""
    usual = _TYPES.get(kind, kind)
    entry = taxonomy.find(usual) or taxonomy.find(f"SN {kind}")
    return label_of(usual, taxonomy) or (entry.name if entry else "")


def read_named(folder: Path, file: str, entry: LibraryObject, redshift: float, phase: float) -> Named:
    """Read the spectrum that a row of a table names, in the rest frame.

    folder: folder of the table.
    file: path of the spectrum from there.
    redshift: redshift of the object, NaN if unknown. It does not count if the file says that it is in the rest frame.
    phase: days from maximum light, NaN if unknown.

    Raises SpectrumError if there is no such file in the folder, if it cannot be read, or without a usable redshift.
    """
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise SpectrumError("bad_row", f"there is no file {file} in {folder.name}")
    spectrum = read_spectra(path, path.name)[0].spectrum
    if spectrum.frame == "rest":
        redshift = 0.0
    if not is_plausible_redshift(redshift):
        raise SpectrumError("no_redshift", f"{file} has no redshift {PLAUSIBLE_REDSHIFTS}")
    return Named(entry, spectrum.wavelength / (1 + redshift), spectrum.flux, phase)


def each_row(path: Path, read: Callable[[dict[str, str]], _T]) -> Iterator[_T | SpectrumError]:
    """Yield what each row of a table gives, or a SpectrumError ("bad_table", "bad_row" …) in its place.

    path: CSV file in UTF-8.
    read: function of a row, in which a cell that is missing is "".
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield SpectrumError("bad_table", f"{path} is no table in UTF-8: {error}")
        return
    for row in rows:
        try:
            yield read(row)
        except SpectrumError as error:
            yield error
        except (OSError, ValueError, KeyError) as error:
            yield SpectrumError("bad_row", f"a row of {path.name} cannot be used: {error}")
