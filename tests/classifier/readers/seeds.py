"""One small file of each kind, to be damaged or varied."""

from __future__ import annotations

from tests import spectrum_files
from tests.spectrum_files import FLUX, WAVELENGTH, image, lnw, spspec, table, text, zipped

SEEDS = {
    "image": image(FLUX, CRVAL1=3800.0, CDELT1=18.0),
    "table": table({"WAVE": (WAVELENGTH, "Angstrom"), "FLUX": (FLUX, ""), "ERR": (FLUX, "")}),
    "multispec": spectrum_files.multispec(FLUX.reshape(1, 300), ["1 1 0 3800.0 18.06 300 0. 1 2"]),
    "spSpec": spspec(),
    "DESI": spectrum_files.desi([1], ["TGT"]),
    "template": lnw([1.0], samples=60),
    "JSON": spectrum_files.as_json(spectrum_files.skyportal()),
    "zip": zipped({"a.txt": text(WAVELENGTH, FLUX)}),
    "text": text(WAVELENGTH, FLUX, FLUX, head="# wave flux err\n# DATE-OBS: 2026-01-01\n"),
}
