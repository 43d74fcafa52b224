"""Time and memory that a separate process needs for a hostile file, beyond those of an idle process.

``pytest -m slow -s tests/classifier/readers/test_bounds.py`` prints the figures.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.spectrum_files import fits_cards, primary

pytestmark = pytest.mark.slow

SECONDS, MEGABYTES = 5.0, 500
GIGABYTES_2 = 2 << 30
# The process prints the code of the refusal (None if the file was read), the seconds of CPU time, and the memory (MB)
# beyond that of the idle process.
CHILD = """
import json, sys, time, pathlib
import numpy as np
from classifier.errors import SpectrumError
from classifier.readers import read_spectra
rows = "".join(f"{4000 + i} {1 + i % 7}\\n" for i in range(100))
read_spectra(rows.encode(), "warm.txt")
def kilobytes(what):
    return int(next(line for line in open("/proc/self/status") if line.startswith(what)).split()[1])
idle, started, code = kilobytes("VmRSS"), time.process_time(), None
try:
    read_spectra(pathlib.Path(sys.argv[1]))
except SpectrumError as error:
    code = error.code
print(json.dumps([code, time.process_time() - started, (kilobytes("VmHWM") - idle) / 1024]))
"""


def sparse(path: Path, head: bytes = b"", size: int = GIGABYTES_2) -> None:
    """Write a file of zeros that takes no room on the disk."""
    with path.open("wb") as opened:
        opened.write(head)
        opened.truncate(size)


def deflated_zeros(opened: object, wbits: int) -> None:
    squeeze = zlib.compressobj(1, zlib.DEFLATED, wbits)
    for _ in range(GIGABYTES_2 >> 24):
        opened.write(squeeze.compress(bytes(1 << 24)))  # type: ignore[attr-defined]
    opened.write(squeeze.flush())  # type: ignore[attr-defined]


def gzip_of_zeros(path: Path) -> None:
    with path.open("wb") as opened:
        deflated_zeros(opened, 31)


def gzip_members_of_zeros(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(64 << 20), 1) * 32)


def gzip_of_rows(path: Path) -> None:
    path.write_bytes(gzip.compress(b"4000 1\n" * (200 << 17), 1))


def zip_of_zeros(path: Path) -> None:
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("a.txt", "w", force_zip64=True) as member:
        for _ in range(GIGABYTES_2 >> 24):
            member.write(bytes(1 << 24))


def zip_of_bombs(path: Path) -> None:
    inner = zlib.compress(bytes(1 << 20))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(900):
            archive.writestr(f"{number}.gz", gzip.compress(bytes(3 << 20), 1) + inner)


def zip_that_lies(path: Path) -> None:
    """Write a zip file whose index gives a small size for a large member."""
    zip_of_zeros(path)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path.write_bytes(content)


def deep_json(path: Path) -> None:
    path.write_bytes(b'{"data":' * 1_000_000 + b"1")


def wide_json(path: Path) -> None:
    path.write_text(json.dumps({"wavelengths": list(range(800_000)), "fluxes": [1.5] * 800_000}))


def ten_million_rows(path: Path) -> None:
    path.write_bytes(b"4 1\n" * 10_000_000)


def half_a_million_rows(path: Path) -> None:
    path.write_bytes(b"".join(b"%.3f %.4e %.4e\n" % (3000 + i / 80, i % 91, 1) for i in range(499_000)))


def lying(*cards: str) -> Callable[[Path], None]:
    return lambda path: sparse(path, primary("NAXIS   = 1", *cards, "CRVAL1  = 4000.", "CDELT1  = 1."))


def large_table(path: Path) -> None:
    cards = ("XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 16", "NAXIS2  = 134217368")
    columns = ("PCOUNT  = 0", "GCOUNT  = 1", "TFIELDS = 2", "TTYPE1  = 'WAVE'", "TFORM1  = 'D'", "TTYPE2  = 'FLUX'")
    sparse(path, primary("NAXIS   = 0") + fits_cards(*cards, *columns, "TFORM2  = 'D'"))


COSTLY: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "zeros.fits": (sparse, "too_large"),
    "zeros.txt": (sparse, "too_large"),
    "zeros after rows.txt": (lambda path: sparse(path, b"4000 1\n" * 9999), "too_large"),
    "zeros of 60 MB.txt": (lambda path: sparse(path, b"4000 1\n" * 9, 60 << 20), "too_large"),
    "zeros of 40 MB.txt": (lambda path: sparse(path, b"4000 1\n" * 9, 40 << 20), "no_table"),
    "zeros after gzip.gz": (lambda path: sparse(path, b"\x1f\x8b\x08"), "too_large"),
    "zeros after zip.zip": (lambda path: sparse(path, b"PK\x03\x04"), "too_large"),
    "zeros after FITS.fits": (lying("NAXIS1  = 100"), "bad_fits"),
    "one long row.fits": (lying("NAXIS1  = 268435096"), "no_spectrum"),
    "more than there is.fits": (lying("NAXIS1  = 999999999999"), "bad_fits"),
    "table of 2 GB.fits": (large_table, "too_many_rows"),
    "gzip of zeros.gz": (gzip_of_zeros, "too_large"),
    "gzip members of zeros.gz": (gzip_members_of_zeros, "too_large"),
    "gzip of rows.gz": (gzip_of_rows, "too_large"),
    "zip of zeros.zip": (zip_of_zeros, "too_large"),
    "zip that lies.zip": (zip_that_lies, "bad_archive"),
    "zip of bombs.zip": (zip_of_bombs, "too_large"),
    "deep.json": (deep_json, "bad_json"),
    "wide.json": (wide_json, "too_many_rows"),
    "ten million rows.txt": (ten_million_rows, "too_many_rows"),
    "half a million rows.txt": (half_a_million_rows, None),
}


def cost(path: Path) -> tuple[str | None, float, float]:
    command = [sys.executable, "-c", CHILD, str(path)]
    answer = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120)
    code, seconds, megabytes = json.loads(answer.stdout)
    print(f"{path.name}: {code}, {seconds:.2f} s, {megabytes:.0f} MB")
    return code, seconds, megabytes


@pytest.mark.parametrize("name", COSTLY)
def test_a_hostile_file_takes_little_time_and_memory(name: str, tmp_path: Path) -> None:
    make, expected = COSTLY[name]
    make(tmp_path / name)
    code, seconds, megabytes = cost(tmp_path / name)
    assert seconds < SECONDS
    assert megabytes < MEGABYTES
    assert code == expected


MAGIC = {
    "fits": b"SIMPLE  =                    T",
    "zip": b"PK\x03\x04",
    "gz": b"\x1f\x8b\x08\x00",
    "json": b"{",
    "xml": b"<VOTABLE>",
    "lnw": b"  3 1024   2500.00  10000.00  13  sn1990N 1.5 Ia-norm 1 1\n",
}


@pytest.mark.parametrize("extension", ["fits", "txt", "dat", "ascii", "csv", "flm", "json", "lnw", "xml", "zip", "gz"])
def test_random_bytes_are_refused_whatever_their_extension(extension: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(8 << 20)
    for number, content in enumerate((noise, MAGIC.get(extension, b"# wave flux\n") + noise)):
        file = tmp_path / f"noise{number}.{extension}"
        file.write_bytes(content)
        code, seconds, megabytes = cost(file)
        assert code is not None
        assert seconds < SECONDS
        assert megabytes < MEGABYTES


def test_a_path_in_an_archive_never_writes_outside_it(tmp_path: Path) -> None:
    rows = "".join(f"{4000 + i} {1 + i % 7}\n" for i in range(100))
    inside = tmp_path / "folder"
    inside.mkdir()
    with zipfile.ZipFile(inside / "a.zip", "w") as archive:
        for name in ("../../up.txt", "/etc/absolute.txt", "C:\\windows\\a.txt", "..\\back.txt", "a/../../b.txt"):
            archive.writestr(name, rows)
    before = sorted(tmp_path.rglob("*"))
    assert cost(inside / "a.zip")[0] is None
    assert sorted(tmp_path.rglob("*")) == before
