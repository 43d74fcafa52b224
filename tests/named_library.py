"""A small library of named spectra."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classifier.library.importers import import_library
from classifier.library.library import Library
from classifier.library.measure import measure
from classifier.taxonomy import load_taxonomy
from tests.factories import observe
from tests.spectrum_files import text


def small_library(folder: Path) -> Library:
    """Return a library of simulated supernovae: three objects of each of two kinds, three ages each.

    folder: an empty folder, where its spectra are written.
    """
    rows = ["file,name,type,phase,redshift"]
    for kind, class_name in (("Ia-norm", "SN Ia"), ("IIP", "SN II")):
        for number in range(3):
            for age in (0, 10, 20):
                seen = observe(class_name, seed=100 * number + age)
                name = f"{kind}{number}_{age}.txt"
                (folder / name).write_bytes(text(np.asarray(seen.wavelength), np.asarray(seen.flux)))
                rows.append(f"{name},SN {kind} {number},{kind},{age},{0.05 if seen.frame != 'rest' else 0}")
    (folder / "library.csv").write_text("\n".join(rows))
    return measure(import_library([folder], load_taxonomy())[0])
