"""Fuzz the readers, guided by coverage: ``python -m tests.classifier.readers.fuzz CORPUS -max_total_time=600``.

Install atheris first (``pip install atheris``); the test suite does not need it. CORPUS is a folder. If it is empty,
example files are written into it. The fuzzer reports a file that is neither read nor refused with a code, that takes
more than 5 s, or that takes the process above 1.5 GB. atheris writes the bytes of such a file beside the corpus; add
them to the tests.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
import sys
from pathlib import Path

import atheris  # type: ignore[import-not-found,unused-ignore]

with atheris.instrument_imports(include=["classifier"]):
    from classifier.errors import SpectrumError
    from classifier.readers import read_spectra

import numpy as np
from astropy.table import Table

from tests import spectrum_files
from tests.classifier.readers.dialects import SAME
from tests.classifier.readers.layouts import LAYOUTS
from tests.classifier.readers.seeds import SEEDS
from tests.spectrum_files import by_astropy


def check(content: bytes) -> None:
    """Read a file as an upload; raise unless it gives valid spectra or a refusal with code and message."""
    try:
        readings = read_spectra(content, "ZTF26aa_20260102.dat")
    except SpectrumError as error:
        if error.code == "reader_error" or not error.code or not error.message:
            raise RuntimeError(f"no honest refusal: {error.code}") from error
        json.dumps(error.receipt, allow_nan=False).encode()
        return
    for reading in readings:
        json.dumps(reading.receipt, allow_nan=False).encode()
        assert np.isfinite(reading.spectrum.flux).all()
        assert (np.diff(reading.spectrum.wavelength) > 0).all()
        assert reading.receipt["rows_used"] == reading.spectrum.flux.size


def seed(corpus: Path) -> None:
    """Write one small file of each kind into the corpus, unless it has files already."""
    corpus.mkdir(parents=True, exist_ok=True)
    if any(corpus.iterdir()):
        return
    wave, flux = spectrum_files.WAVELENGTH[:40], spectrum_files.FLUX[:40]
    small = {
        "csv": spectrum_files.text(wave, flux, separator=",", head="wave,flux\n"),
        "comma": spectrum_files.text(wave, flux, separator=";").replace(b".", b","),
        "fortran": spectrum_files.text(wave, flux, form="{:.5E}").replace(b"E", b"D"),
        "gzip": gzip.compress(spectrum_files.text(wave, flux)),
        "votable": by_astropy(Table({"lambda": wave, "flux": flux}), "votable"),
        "table": spectrum_files.wiserep_csv({"Ascii file": "a.txt", "WL Units": "nm", "Instrument": "X"}),
    }
    for name, content in (SEEDS | small | SAME | LAYOUTS).items():
        (corpus / re.sub(r"\W+", "-", name)).write_bytes(content)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    seed(Path(sys.argv[1]))
    limits = ["-timeout=5", "-rss_limit_mb=1500", "-max_len=60000"]
    atheris.Setup([*sys.argv, *limits], lambda data: check(bytes(data)))
    atheris.Fuzz()
