"""Several spectra of the same range in one text file, one below the other, as some spectrographs write exposures."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from classifier.spectrum import MIN_SAMPLES, Array

# Share of the whole range that each spectrum covers at least. Orders of one spectrum cover less.
_SAME_RANGE = 0.6


def restarts(wavelength: Array) -> list[int]:
    """Return the rows at which a further spectrum of the same range begins, [] for a single spectrum.

    wavelength: (rows,), may hold NaN.
    """
    steps = np.diff(wavelength)
    if np.isnan(steps).any() or (steps > 0).all() or (steps < 0).all():
        return []
    back = -steps * np.sign(np.median(steps))
    span = float(np.ptp(wavelength))
    starts = np.flatnonzero(back > _SAME_RANGE * span) + 1
    blocks = np.split(wavelength, starts)
    if any(block.size < MIN_SAMPLES or np.ptp(block) < _SAME_RANGE * span for block in blocks):
        return []
    return [int(start) for start in starts]


def cut(lines: Sequence[str], starts: Sequence[int], is_row: Callable[[str], bool]) -> list[list[str]]:
    """Return the lines of each spectrum: the words above its rows, those at the top of the file, and its rows.

    lines: lines of the file.
    starts: rows at which the further spectra begin, counted from 0.
    is_row: tells whether a line is a row of the table.
    """
    rows = [number for number, line in enumerate(lines) if is_row(line)]
    top = lines[: rows[0]]
    firsts = [rows[start] for start in starts]
    ends = [rows[start - 1] + 1 for start in starts] + [len(lines)]
    pieces = [list(lines[: ends[0]])]
    for first, (begin, end) in zip(firsts, itertools.pairwise(ends), strict=True):
        pieces.append([*lines[begin:first], *top, *lines[first:end]])
    return pieces
