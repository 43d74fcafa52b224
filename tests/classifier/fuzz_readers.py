"""Fuzz the readers, guided by coverage: ``python -m tests.classifier.fuzz_readers CORPUS -max_total_time=600``.

Needs atheris (``pip install atheris``), which the suite does not. CORPUS is a folder; seeds from the makers are put
into it where it is empty. A find is anything but a spectrum or a coded refusal, more than 5 s, or more than 1.5 GB with
the fuzzer's own; atheris writes its bytes beside the corpus. Each find becomes a test.
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

from tests.classifier import makers
from tests.classifier.test_readers_hostile import SEEDS
from tests.classifier.test_readers_layouts import LAYOUTS
from tests.classifier.test_readers_traps import SAME, by_astropy


def check(content: bytes) -> None:
    """Read as a stranger's file is read; raises where the promise of the readers is broken."""
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
    """A file of each kind, small ones, plain and packed."""
    corpus.mkdir(parents=True, exist_ok=True)
    if any(corpus.iterdir()):
        return
    wave, flux = makers.WAVELENGTH[:40], makers.FLUX[:40]
    small = {
        "csv": makers.text(wave, flux, separator=",", head="wave,flux\n"),
        "comma": makers.text(wave, flux, separator=";").replace(b".", b","),
        "fortran": makers.text(wave, flux, form="{:.5E}").replace(b"E", b"D"),
        "gzip": gzip.compress(makers.text(wave, flux)),
        "votable": by_astropy(Table({"lambda": wave, "flux": flux}), "votable"),
        "table": makers.wiserep_csv({"Ascii file": "a.txt", "WL Units": "nm", "Instrument": "X"}),
    }
    for name, content in (SEEDS | small | SAME | LAYOUTS).items():
        (corpus / re.sub(r"\W+", "-", name)).write_bytes(content)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    seed(Path(sys.argv[1]))
    limits = ["-timeout=5", "-rss_limit_mb=1500", "-max_len=60000"]
    atheris.Setup([*sys.argv, *limits], lambda data: check(bytes(data)))
    atheris.Fuzz()
