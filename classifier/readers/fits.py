"""FITS files: the structure is checked before anything is read, then the first extension with a spectrum is read."""

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
from classifier.readers.checks import warn_model_in_header, warn_rest_frame
from classifier.readers.cleanup import clean_spectrum
from classifier.readers.fits_cards import keyword_of, mend_card
from classifier.readers.fits_desi import is_desi, read_desi
from classifier.readers.fits_further import with_further_spectra
from classifier.readers.fits_image import read_image
from classifier.readers.fits_parts import FitsPart, header_strings, rest_frame_in_fits
from classifier.readers.fits_table import read_table
from classifier.readers.receipt import Corrections, Part, Receipt
from classifier.readers.several import read_each

_BLOCK = 2880
_MAX_HEADER_BLOCKS = 400
_MAX_HDUS = 300
_MAX_AFTER = 1 << 20
# Every spelling of these keywords that Astropy accepts.
_SIZES = re.compile(rb"(?mi)^ {0,7}(?:HIERARCH +)?(BITPIX|NAXIS\d{0,3}|PCOUNT|GCOUNT) *=([^/\n]*)")
# Errors that Astropy raises on damaged files.
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
    """Tell FITS, with cards of 80 bytes and no line ends, from text that begins with a FITS header line by line."""
    return content[:9] == b"SIMPLE  =" and not re.search(rb"[\r\n]", content[:240])


def read_fits(content: bytes, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Read the first extension that holds spectra. Raises SpectrumError ("bad_fits", "no_spectrum" …)."""
    receipt.format = "fits"
    # Bytes after the last extension are cut off, because Astropy would try to read every block of them.
    mended = bytearray(content[: check_structure(content)])
    _mend_headers(mended, receipt)
    return _read(io.BytesIO(mended), receipt, corrections)


def read_large_fits(path: Path, receipt: Receipt, corrections: Corrections) -> list[Part]:
    """Read a file that is too large for memory, such as one of DESI's, loading only what is needed.

    Raises SpectrumError as ``read_fits`` does.
    """
    receipt.format = "fits"
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        after = len(content) - check_structure(content)
    if after > _MAX_AFTER:
        raise SpectrumError("bad_fits", f"the FITS file is damaged: {after:,} bytes follow the last extension")
    return _read(path, receipt, corrections)


def _read(source: io.BytesIO | Path, receipt: Receipt, corrections: Corrections) -> list[Part]:
    with warnings.catch_warnings():
        # Many headers break the standard in ways that do not affect the spectrum.
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            with fits.open(
                source, memmap=isinstance(source, Path), lazy_load_hdus=True, disable_image_compression=True
            ) as hdus:
                parts, header = _first_spectra(hdus, receipt, corrections)
        except _DAMAGE as error:
            raise SpectrumError("bad_fits", f"the FITS file is damaged: {error}"[:300]) from error
    return clean_parts(parts, header, receipt, corrections)


def check_structure(content: bytes | mmap.mmap) -> int:
    """Check that the data which the headers promise lie in the file, and return where the last extension ends.

    Raises SpectrumError ("bad_fits").
    """
    offset = 0
    for _ in range(_MAX_HDUS):
        offset = _end_of_hdu(content, offset)
        if content[offset : offset + 8] != b"XTENSION":
            return offset
    raise SpectrumError("bad_fits", f"the FITS file has more than {_MAX_HDUS} extensions: send only the spectrum")


def _end_of_hdu(content: bytes | bytearray | mmap.mmap, offset: int) -> int:
    """Return where the extension that begins at ``offset`` ends. Raises SpectrumError ("bad_fits")."""
    block = bytes(content[offset : offset + _BLOCK * _MAX_HEADER_BLOCKS])
    end = _end_of_header(block)
    if end is None:
        raise SpectrumError("bad_fits", "the FITS file is damaged: a header has no END card")
    size = _data_size(_sizes(b"\n".join(block[i : i + 80] for i in range(0, end, 80))))
    offset += -(-(end + 80) // _BLOCK) * _BLOCK
    held = max(len(content) - offset, 0)
    if size > held:
        raise SpectrumError(
            "bad_fits",
            f"the FITS file is cut short: a header promises {size:,} bytes of data, but {held:,} are there",
        )
    return offset + -(-size // _BLOCK) * _BLOCK


def _mend_headers(content: bytearray, receipt: Receipt) -> None:
    """Mend the cards of all headers in place, and list those whose value was mended in the receipt."""
    mended: list[str] = []
    offset = 0
    while offset < len(content):
        after = _end_of_hdu(content, offset)
        for start in range(offset, after, 80):
            card = bytes(content[start : start + 80])
            content[start : start + 80] = better = mend_card(card)
            if better.rstrip() != card.rstrip():
                mended.append(keyword_of(better))
            if card.startswith(b"END     "):
                break
        offset = after
    if mended:
        receipt.warn("header_mended", f"cards of the header break the FITS standard: {', '.join(mended[:10])}")


def _end_of_header(block: bytes) -> int | None:
    """Return the offset of the END card, or None."""
    at = -1
    while (at := block.find(b"END     ", at + 1)) >= 0:
        if at % 80 == 0:
            return at
    return None


def _sizes(cards: bytes) -> dict[bytes, int]:
    """Return the size keywords of a header.

    Raises SpectrumError ("bad_fits") if one is given twice or is not a plain integer, since Astropy might read it
    differently: a size that it takes to be negative would make it read the same extension for ever.
    """
    sizes: dict[bytes, int] = {}
    for key, text in _SIZES.findall(cards):
        key = key.upper()
        if not re.fullmatch(rb" *[+-]?\d{1,18} *", text) or sizes.setdefault(key, int(text)) != int(text):
            raise SpectrumError("bad_fits", f"the FITS file is damaged: a header garbles {key.decode()}")
    return sizes


def _data_size(sizes: Mapping[bytes, int]) -> int:
    """Return how many bytes of data a header promises. Raises SpectrumError ("bad_fits")."""
    axes = sizes.get(b"NAXIS", 0)
    if not 0 <= axes <= 16 or any(value < 0 for key, value in sizes.items() if key != b"BITPIX"):
        raise SpectrumError("bad_fits", "the FITS file is damaged: a header has impossible axes")
    if axes == 0:
        return 0
    samples = 1
    for axis in range(1, axes + 1):
        samples *= sizes.get(b"NAXIS%d" % axis, 0)
    return abs(sizes.get(b"BITPIX", 8)) // 8 * sizes.get(b"GCOUNT", 1) * (sizes.get(b"PCOUNT", 0) + samples)


def _first_spectra(hdus: Any, receipt: Receipt, corrections: Corrections) -> tuple[list[FitsPart], dict[str, str]]:
    """Return the spectra of the first extension that holds any, and the header that applies to all of them."""
    if len(list(itertools.islice(hdus, _MAX_HDUS + 1))) > _MAX_HDUS:
        raise SpectrumError("bad_fits", f"the FITS file has more than {_MAX_HDUS} extensions: send only the spectrum")
    primary = header_strings(hdus[0].header)
    if is_desi(hdus):
        return read_desi(hdus, receipt, corrections), primary
    refusal: SpectrumError | None = None
    for hdu in _in_order_of_promise(hdus):
        try:
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                parts = read_table(hdu, hdus, receipt, corrections)
            elif isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU) and hdu.header.get("NAXIS", 0):
                parts = read_image(hdu, hdus, receipt, corrections)
            else:
                continue
        except SpectrumError as error:
            # A picture may precede the table that holds the spectrum.
            refusal = refusal or error
            continue
        if parts:
            return with_further_spectra(parts, hdu, hdus, receipt, corrections), {
                **primary,
                **header_strings(hdu.header),
            }
    raise refusal or SpectrumError(
        "no_spectrum", "no extension of the FITS file holds a one-dimensional spectrum: send the extracted spectrum"
    )


def _in_order_of_promise(hdus: Any) -> list[Any]:
    """Return the extensions in the file's order, with an image named FLUX first.

    Sky spectra and spectra that are normalised or not sky-subtracted come last. SPRAT's files hold all of these.
    """

    def rank(hdu: Any) -> int:
        if re.search(r"(nonss|norm|sky|cont|raw)", hdu.name, re.I):
            return 2
        return 0 if isinstance(hdu, fits.ImageHDU) and re.match(r"flux|flam", hdu.name, re.I) else 1

    return sorted(hdus, key=rank)


def clean_parts(
    fits_parts: list[FitsPart], header: Mapping[str, str], receipt: Receipt, corrections: Corrections
) -> list[Part]:
    """Turn the spectra of a file into Spectrum objects, each with its receipt.

    header: keys that apply to all of them, in upper case.

    Raises SpectrumError as ``read_each`` does.
    """
    return read_each(
        fits_parts,
        lambda part, number: part.label or f"spectrum {number}",
        lambda part, own: _clean_part(part, header, own, corrections),
        receipt,
        "the file",
    )


def _clean_part(part: FitsPart, header: Mapping[str, str], receipt: Receipt, corrections: Corrections) -> Part:
    receipt.rows_read = int(part.wavelength.size)
    stated = units.parse_flux_kind(part.flux_unit)
    flux, error, kind = units.to_flam(part.wavelength, part.flux, part.error, stated, receipt, corrections)
    medium = part.medium or units.parse_medium(receipt.beside.get("WL MEDIUM", ""))
    both = {**header, **part.header}
    if evidence := rest_frame_in_fits(both):
        warn_rest_frame(receipt, evidence)
    warn_model_in_header(receipt, "\n".join(both.values()))
    known = {"flux_kind": kind, "medium": medium, **metadata.collect(both, receipt)}
    return clean_spectrum(part.wavelength, flux, error, receipt, corrections, **known), receipt
