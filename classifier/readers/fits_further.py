"""Further extensions of a FITS file: orders and arms of the first spectrum are joined to it, other objects stay apart.

A second extraction of the same object is left out, because it is no measurement of its own.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from astropy.io import fits

from classifier.errors import SpectrumError
from classifier.readers.fits_image import read_image
from classifier.readers.fits_parts import FitsPart, header_strings, join_orders, same_range
from classifier.readers.fits_table import read_table
from classifier.readers.receipt import Corrections, Receipt

# The end of an extension's name that tells the order, the arm or the detector and not the object.
_ORDER_OR_ARM = re.compile(
    r"(^|[-_ ])(order[-_ ]?\d+|(arm|chip|ccd|spec(trum)?)?[-_ ]?\d|b|r|z|g|blue|red|uvb|vis|nir)$", re.I
)
_EXTRACTION = re.compile(r"(boxcar|box|bxspf|horne|optimal|opt|tophat|aper(ture)?|sum|psf|fit)", re.I)


def with_further_spectra(
    parts: list[FitsPart], hdu: Any, hdus: Any, receipt: Receipt, corrections: Corrections
) -> list[FitsPart]:
    """Return the spectra of an extension and of those after it that are like it.

    parts: spectra of ``hdu``.

    Extensions of the same name but for order or arm, or without names, are joined if they do not cover the same range.
    """
    if len(parts) != 1:
        return parts
    named = [(_base_name(hdu), [_labelled(parts[0], hdu)])]
    for other in hdus[hdus.index(hdu) + 1 :]:
        if not _alike(hdu, other):
            continue
        # Each is read with a throw-away receipt, because it repeats the guesses of the first.
        spare = receipt.for_part("further")
        try:
            read = read_table if isinstance(other, fits.BinTableHDU) else read_image
            found = read(other, hdus, spare, corrections)
        except SpectrumError as error:
            receipt.warn("part_not_read", f"extension {other.name or hdus.index(other)}: {error}")
            continue
        for part in found:
            _sort_in(named, _base_name(other), _labelled(part, other))
    groups = [join_orders(group, receipt) for group in _of_first_extraction(named, receipt)]
    return [part for group in groups for part in group]


def _sort_in(groups: list[tuple[str, list[FitsPart]]], name: str, part: FitsPart) -> None:
    """Add a spectrum to the first group of its name that does not cover its range yet, or begin a group."""
    for known, group in groups:
        if known == name and not any(same_range([part, other]) for other in group):
            group.append(part)
            return
    groups.append((name, [part]))


def _of_first_extraction(named: list[tuple[str, list[FitsPart]]], receipt: Receipt) -> list[list[FitsPart]]:
    """Return the groups without further extractions of the first one's object, by the words in their names."""
    first = named[0][0]
    if not _EXTRACTION.search(first):
        return [group for _, group in named]
    kept = []
    for name, group in named:
        if name != first and _EXTRACTION.search(name) and _EXTRACTION.sub("", name) == _EXTRACTION.sub("", first):
            receipt.guess(
                "extraction", first, f"{name} is another extraction of the same object, and was left out", 0.8
            )
        else:
            kept.append(group)
    return kept


def _alike(first: Any, other: Any) -> bool:
    """Tell whether an extension holds spectra as the first one does: the same columns, or images of the same name."""
    if isinstance(first, fits.BinTableHDU):
        return isinstance(other, fits.BinTableHDU) and other.columns.names == first.columns.names
    return bool(
        isinstance(other, fits.ImageHDU)
        and first.name not in ("", "PRIMARY")
        and _base_name(other) == _base_name(first)
        and other.header.get("NAXIS") == first.header.get("NAXIS")
    )


def _base_name(hdu: Any) -> str:
    return _ORDER_OR_ARM.sub("", hdu.name)


def _labelled(part: FitsPart, hdu: Any) -> FitsPart:
    """Return a spectrum with its extension as label, and with what its extension says of the observation."""
    return dataclasses.replace(
        part, label=part.label or hdu.name or None, header=header_strings(hdu.header) | part.header
    )
