"""FITS files: their structure is checked before anything is read, then the first extension with a spectrum is taken."""

from __future__ import annotations

import io
import itertools
import mmap
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from classifier.errors import SpectrumError
from classifier.readers import metadata, units
from classifier.readers.finish import finish
from classifier.readers.fits_desi import is_desi, read_desi
from classifier.readers.fits_found import Found, join_orders, same_range
from classifier.readers.fits_image import read_image
from classifier.readers.fits_table import read_table
from classifier.readers.limits import MAX_PARTS
from classifier.readers.receipt import Corrections, Part, Receipt

_BLOCK = 2880
_MAX_HEADER_BLOCKS = 400
_MAX_HDUS = 300
_MAX_AFTER = 1 << 20
# In every spelling that astropy takes for these keywords.
_SIZES = re.compile(rb"(?mi)^ {0,7}(?:HIERARCH +)?(BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT) *=([^/\n]*)")
# What astropy raises on damaged files, beside its own errors.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    TypeError,
    ValueError,
    fits.VerifyError,
)


def is_fits(content: bytes) -> bool:
    """A FITS file has cards of 80 bytes without line ends; a text file may carry such a header line by line."""
    return content[:9] == b"SIMPLE  =" and not re.search(rb"[\r\n]", content[:240])


def read_fits(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Read the first extension that holds spectra. Raises SpectrumError ("bad_fits", "no_spectrum", …)."""
    receipt.format = "fits"
    # Of what follows the last extension astropy would try every block.
    return _read(io.BytesIO(content[: check_structure(content)]), receipt, corrections)


def read_large_fits(path: Path, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """As ``read_fits``, of a file too large to be held in memory, such as DESI's; only what is needed is loaded."""
    receipt.format = "fits"
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        after = len(content) - check_structure(content)
    if after > _MAX_AFTER:
        raise SpectrumError("bad_fits", f"{after:,} bytes follow the last extension")
    return _read(path, receipt, corrections)


def _read(source: io.BytesIO | Path, receipt: Receipt, corrections: Corrections) -> list[Part]:
    with warnings.catch_warnings():
        # Headers in the wild break the standard in ways that do not touch the spectrum.
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            with fits.open(
                source, memmap=isinstance(source, Path), lazy_load_hdus=True, disable_image_compression=True
            ) as hdus:
                found, header = _first_found(hdus, receipt, corrections)
        except _DAMAGE as error:
            raise SpectrumError("bad_fits", f"damaged FITS file: {error}"[:300]) from error
    return parts_of(found, header, receipt, corrections)


def check_structure(content: bytes | mmap.mmap) -> int:
    """Walk over the headers without trusting them: what they promise must lie in the file. Returns where the last
    extension ends.

    Raises SpectrumError("bad_fits")."""
    offset = 0
    for _ in range(_MAX_HDUS):
        block = content[offset : offset + _BLOCK * _MAX_HEADER_BLOCKS]
        end = _end_of_header(block)
        if end is None:
            raise SpectrumError("bad_fits", "a header without an END")
        cards = b"\n".join(block[i : i + 80] for i in range(0, end, 80))
        size = _data_size(_sizes(cards))
        offset += -(-(end + 80) // _BLOCK) * _BLOCK
        held = max(len(content) - offset, 0)
        if size > held:
            raise SpectrumError("bad_fits", f"the header promises {size:,} bytes of data, the file holds {held:,}")
        offset += -(-size // _BLOCK) * _BLOCK
        if content[offset : offset + 8] != b"XTENSION":
            return offset
    raise SpectrumError("bad_fits", f"more than {_MAX_HDUS} extensions")


def _end_of_header(block: bytes) -> int | None:
    at = -1
    while (at := block.find(b"END     ", at + 1)) >= 0:
        if at % 80 == 0:
            return at
    return None


def _sizes(cards: bytes) -> dict[bytes, int]:
    """Raises SpectrumError("bad_fits") for what astropy might read otherwise than this: given twice, or no plain
    integer. With a size that it takes to be negative it would read the same extension for ever."""
    sizes: dict[bytes, int] = {}
    for key, text in _SIZES.findall(cards):
        key = key.upper()
        if not re.fullmatch(rb" *[+-]?\d{1,18} *", text) or sizes.setdefault(key, int(text)) != int(text):
            raise SpectrumError("bad_fits", f"the header garbles {key.decode()}")
    return sizes


def _data_size(sizes: Mapping[bytes, int]) -> int:
    axes = sizes.get(b"NAXIS", 0)
    if not 0 <= axes <= 16 or any(value < 0 for key, value in sizes.items() if key != b"BITPIX"):
        raise SpectrumError("bad_fits", "a header with impossible axes")
    if axes == 0:
        return 0
    samples = 1
    for axis in range(1, axes + 1):
        samples *= sizes.get(b"NAXIS%d" % axis, 0)
    return abs(sizes.get(b"BITPIX", 8)) // 8 * sizes.get(b"GCOUNT", 1) * (sizes.get(b"PCOUNT", 0) + samples)


def _first_found(hdus: Any, receipt: Receipt, corrections: Corrections) -> tuple[list[Found], dict[str, str]]:
    if len(list(itertools.islice(hdus, _MAX_HDUS + 1))) > _MAX_HDUS:
        raise SpectrumError("bad_fits", f"more than {_MAX_HDUS} extensions")
    primary = _strings(hdus[0].header)
    if is_desi(hdus):
        return read_desi(hdus, receipt, corrections), primary
    refusal: SpectrumError | None = None
    for hdu in _in_order_of_promise(hdus):
        try:
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                found = read_table(hdu, hdus, receipt, corrections)
            elif isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU) and hdu.header.get("NAXIS", 0):
                found = read_image(hdu, hdus, receipt, corrections)
            else:
                continue
        except SpectrumError as error:
            # A picture may come before the table that holds the spectrum.
            refusal = refusal or error
            continue
        if found:
            header = {**primary, **_strings(hdu.header)}
            return (_with_other_arms(found[0], hdu, hdus, receipt, corrections) if len(found) == 1 else found), header
    raise refusal or SpectrumError("no_spectrum", "no extension holds a one-dimensional spectrum")


def _in_order_of_promise(hdus: Any) -> list[Any]:
    """The extensions in the file's order, but an image named FLUX first, and what is named as without sky subtraction,
    normalised or a sky last: SPRAT's files hold all of these."""

    def rank(hdu: Any) -> int:
        if re.search(r"(nonss|norm|sky|cont|raw)", hdu.name, re.I):
            return 2
        return 0 if isinstance(hdu, fits.ImageHDU) and re.match(r"flux|flam", hdu.name, re.I) else 1

    return sorted(hdus, key=rank)


def _with_other_arms(first: Found, hdu: Any, hdus: Any, receipt: Receipt, corrections: Corrections) -> list[Found]:
    """The spectrum of a table joined with those of the next ones of the same columns, while these do not overlap: blue
    and red arms are often stored so."""
    arms = [first]
    if not isinstance(hdu, fits.BinTableHDU):
        return arms
    for other in hdus[hdus.index(hdu) + 1 :]:
        if not isinstance(other, fits.BinTableHDU) or other.columns.names != hdu.columns.names:
            break
        # Its guesses are the same again.
        found = read_table(other, hdus, receipt.of_part("arm"), corrections)
        if len(found) != 1 or same_range([*arms, found[0]]):
            break
        arms.append(found[0])
    return join_orders(arms, receipt)


def _strings(header: Any) -> dict[str, str]:
    return {str(key).upper(): str(value) for key, value in header.items() if key}


def parts_of(found: list[Found], header: Mapping[str, str], receipt: Receipt, corrections: Corrections) -> list[Part]:
    """The spectra finished, each with a receipt; header: what the file says of all. Raises SpectrumError."""
    if len(found) == 1:
        return [_part(found[0], header, receipt, corrections)]
    if len(found) > MAX_PARTS:
        raise SpectrumError("too_many_spectra", f"{len(found)} spectra in one file; {MAX_PARTS} are read at most")
    parts: list[Part] = []
    for number, one in enumerate(found):
        own = receipt.of_part(one.label or f"spectrum {number + 1}")
        try:
            parts.append(_part(one, header, own, corrections))
        except SpectrumError as error:
            receipt.warn("part_not_read", f"{own.part}: {error}")
    if not parts:
        raise SpectrumError("no_spectrum", f"none of the {len(found)} spectra in the file can be read")
    parts[0][1].warnings.extend(warning for warning in receipt.warnings if warning["code"] == "part_not_read")
    return parts


def _part(found: Found, header: Mapping[str, str], receipt: Receipt, corrections: Corrections) -> Part:
    receipt.rows_read = int(found.wavelength.size)
    said = units.flux_said(found.flux_unit)
    flux, error, kind = units.to_flam(found.wavelength, found.flux, found.error, said, receipt, corrections)
    medium = found.medium or units.medium_said(receipt.beside.get("WL MEDIUM", ""))
    known = {"flux_kind": kind, "medium": medium, **metadata.collect({**header, **found.header}, receipt)}
    return finish(found.wavelength, flux, error, receipt, corrections, **known), receipt
