"""Files made to take much time or memory are refused or read within fixed limits."""

from __future__ import annotations

import gzip
import json
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.errors import SpectrumError
from classifier.input_files import find_files
from classifier.readers import read_spectra, read_spectrum
from tests import spectrum_files
from tests.classifier.readers.seeds import SEEDS
from tests.spectrum_files import fits_cards, image, primary, zipped

# A file may cost as much processor time as this many honest tables of 300,000 rows, whatever the machine's speed.
HONEST_TABLES, MEGABYTES = 15, 500


def bintable(*cards: str, rows: int = 100) -> bytes:
    head = ("XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 16", f"NAXIS2  = {rows}")
    return primary("NAXIS   = 0") + fits_cards(
        *head, "PCOUNT  = 0", "GCOUNT  = 1", "TFIELDS = 2", *cards, data=bytes(2880)
    )


def variable_arrays(rows: int, claimed: int) -> bytes:
    """Return a FITS table of variable-length arrays in which each row claims the same part of an 8 MB heap.

    claimed: number of values that each row claims.
    """
    sent = np.array([np.zeros(1_000_000)] + [np.zeros(1)] * (rows - 1), dtype=object)
    made = [fits.Column(name, "PD()", array=sent) for name in ("WAVE", "FLUX")]
    content = spectrum_files.write(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made))
    descriptors = np.tile(np.array([claimed, 0], dtype=">i4"), 2 * rows).tobytes()
    return content[:5760] + descriptors + content[5760 + len(descriptors) :]


HOSTILE: dict[str, tuple[Callable[[], bytes], str | None]] = {
    "zeros": (lambda: bytes(64 << 20), "empty_file"),
    "too many zeros": (lambda: bytes((64 << 20) + 1), "too_large"),
    "gzip bomb": (lambda: gzip.compress(b"0" * (300 << 20), 1), "too_large"),
    "many gzip members": (lambda: gzip.compress(b"4000 1\n") * 200_000, "bad_gzip"),
    "zip bomb": (lambda: zipped({"a.txt": b"0" * (200 << 20)}), "too_large"),
    "bomb of small files": (lambda: zipped({f"{i}.txt": b"0" * (1 << 20) for i in range(100)}), "too_large"),
    "too many members": (lambda: zipped((f"{i}.txt", b"x") for i in range(5000)), "too_many_files"),
    "slow members": (
        lambda: zipped(dict.fromkeys(map(str, range(900)), b"".join(b"%d 1 ab1\n" % i for i in range(4000)))),
        "too_large",
    ),
    "ten million rows": (lambda: b"4 1\n" * 10_000_000, "too_many_rows"),
    "half a million remarks": (
        lambda: b"".join(b"%.2f %d x\n" % (i / 50, i % 9) for i in range(200_000, 499_000)),
        None,
    ),
    "wide uneven rows": (
        lambda: b"1 2 3 a b c d e f g h i j k l m n o p q r s t u v w x y\n" * 400_000,
        "too_many_rows",
    ),
    "SN2011ht of many numbers": (
        lambda: (
            b"# OBJECT = SN2011ht " + b"-1" * 40 + b"!\n" + b"".join(b"%d %d\n" % (i, i % 9) for i in range(4000, 8000))
        ),
        None,
    ),
    "a long odd unit": (
        lambda: json.dumps(
            {"wavelengths": [*range(4000, 4300)], "fluxes": [1, 2] * 150, "units": "w m" * 100_000}
        ).encode(),
        None,
    ),
    "one long line": (lambda: b"4000 " * (8 << 20), "no_table"),
    "one long remark": (lambda: b"# a" + b" " * (40 << 20), "no_table"),
    "deep JSON": (lambda: b"[" * 500_000, "bad_json"),
    "deeper JSON": (lambda: b"[" * 5_000_000, "too_large"),
    "many JSON lists": (lambda: b"[" + b"[]," * 3_900_000 + b"1]", "too_large"),
    "a long JSON number": (lambda: b'{"wavelengths":[' + b"1" * 4_000_000 + b'],"fluxes":[1]}', "bad_json"),
    "an image that lies": (lambda: primary("NAXIS   = 1", "NAXIS1  = 999999999999", "CRVAL1  = 4000."), "bad_fits"),
    "negative axes": (lambda: primary("NAXIS   = 1", "NAXIS1  = -5"), "bad_fits"),
    # Found by fuzzing: astropy takes this for a negative size and returns to the same extension for ever.
    "a size with a gap in it": (
        lambda: bintable("TFIELDS = 2").replace(b"NAXIS1  = 16  ", b"NAXIS1  = - 16"),
        "bad_fits",
    ),
    "a size given twice": (lambda: primary("NAXIS   = 1", "NAXIS1  = 0", "naxis1  = -9"), "bad_fits"),
    "a header without end": (lambda: b"SIMPLE  =".ljust(80) + b"COMMENT x".ljust(80) * 700_000, "bad_fits"),
    "columns that lie": (
        lambda: bintable("TFORM1  = '999999999D'", "TTYPE1  = 'WAVE'", "TFORM2  = '999999999D'", "TTYPE2  = 'FLUX'"),
        "bad_fits",
    ),
    "a heap that lies": (lambda: variable_arrays(1, 300_000_000), "no_spectrum"),
    "rows that share one large array": (lambda: variable_arrays(900, 1_000_000), "no_spectrum"),
    "a big picture": (
        lambda: image(np.zeros((1000, 8001), np.float32), CRVAL1=4000.0, CDELT1=1.0),
        "not_one_dimensional",
    ),
    "many extensions": (
        lambda: primary("NAXIS   = 0") + fits_cards("XTENSION= 'IMAGE   '", "BITPIX  = 8", "NAXIS   = 0") * 5000,
        "bad_fits",
    ),
    "a template of many epochs": (
        lambda: b" 400 99999 2500.00 10000.00 2 sn1990N 1.5 Ia-norm 1 1\n" + b" 1 2 3\n" * 99_999,
        "bad_lnw",
    ),
}


def seconds_and_code(content: bytes, name: str) -> tuple[float, str | None]:
    """Return the processor time in seconds that reading takes, and the code of the refusal or None."""
    started, code = time.process_time(), None
    try:
        read_spectra(content, name)
    except SpectrumError as error:
        code = error.code
    return time.process_time() - started, code


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_quickly_with_a_reason(name: str) -> None:
    make, code = HOSTILE[name]
    content = make()
    honest_table = b"".join(b"%.3f %d 1\n" % (i / 50, i % 9) for i in range(200_000, 500_000))
    ratios = []
    # Other work on the machine only ever adds time, so the best of three tries is taken.
    while not ratios or (min(ratios) >= HONEST_TABLES and len(ratios) < 3):
        honest, _ = seconds_and_code(honest_table, "honest.txt")
        spent, refused = seconds_and_code(content, name)
        assert refused == code
        ratios.append(spent / honest)
    assert min(ratios) < HONEST_TABLES


@pytest.mark.parametrize("name", ["gzip bomb", "zip bomb", "deep JSON", "one long line", "wide uneven rows"])
def test_hostile_files_take_little_memory(name: str) -> None:
    content = HOSTILE[name][0]()
    tracemalloc.start()
    try:
        with pytest.raises(SpectrumError):
            read_spectra(content, name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTES << 20


@pytest.mark.parametrize("kind", SEEDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_files_are_read_or_refused_and_never_crash(kind: str, data: st.DataObject) -> None:
    content = bytearray(SEEDS[kind])
    # The first bytes decide most about how a file is read.
    places = st.integers(0, min(len(content), 9000) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place] = byte
    cut = data.draw(st.none() | st.integers(0, len(content)))
    try:
        readings = read_spectra(bytes(content[:cut]), "x")
    except SpectrumError as error:
        refused = error
    else:
        assert all(np.isfinite(reading.spectrum.flux).all() for reading in readings)
        return
    assert refused.code
    assert refused.message


def test_impossible_dates_are_ignored() -> None:
    rows = "\n".join(f"{4000 + i} {1 + i % 7}" for i in range(900))
    reading = read_spectrum(f"# DATE-OBS: 0001-01-01T00:00:00+05:00\n{rows}".encode(), "x.txt")
    assert reading.spectrum.observed_at is None


def test_sample_numbers_are_not_taken_for_wavelengths() -> None:
    content = "\n".join(f"{i + 1} {1 + i % 7}" for i in range(4000)).encode()
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(content, "x.txt")
    assert caught.value.code == "no_wavelengths"


def test_an_unexpected_error_in_a_reader_becomes_an_ordinary_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("classifier.readers.read_text", broken)
    with pytest.raises(SpectrumError) as caught:
        read_spectrum(b"4000 1\n" * 20, "x.txt")
    assert caught.value.code == "reader_error"


def test_a_pipe_in_a_folder_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.txt").write_text("")
    assert [file.name for file, _ in find_files([tmp_path])] == ["a.txt"]
