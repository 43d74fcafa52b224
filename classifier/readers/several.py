"""Several spectra of one file: each is read on its own, and one that cannot be read does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from classifier.errors import SpectrumError
from classifier.readers.limits import MAX_PARTS
from classifier.readers.receipt import Part, Receipt

_T = TypeVar("_T")


def read_each(
    records: Sequence[_T],
    label: Callable[[_T, int], str],
    read: Callable[[_T, Receipt], Part],
    receipt: Receipt,
    what: str,
) -> list[Part]:
    """Return the spectra of the records of a file; the first receipt lists in a warning what could not be read.

    records: the records.
    label: function from a record and its number, from 1, to the label of its spectrum.
    read: function from a record and its receipt to its spectrum.
    what: what holds the records, for people.

    Raises SpectrumError ("too_many_spectra"), ("no_spectrum") if none can be read, or the error of a single record.
    """
    if len(records) > MAX_PARTS:
        raise SpectrumError("too_many_spectra", f"the file holds more than {MAX_PARTS} spectra: split it")
    if len(records) == 1:
        return [read(records[0], receipt)]
    parts: list[Part] = []
    refused: list[str] = []
    for number, record in enumerate(records, start=1):
        own = receipt.for_part(label(record, number))
        try:
            parts.append(read(record, own))
        except SpectrumError as error:
            refused.append(f"{own.part}: {error}")
    if not parts:
        raise SpectrumError("no_spectrum", "; ".join([f"none of the spectra in {what} can be read", *refused[:5]]))
    if refused:
        parts[0][1].warn("part_not_read", "; ".join(refused[:20]))
    return parts
