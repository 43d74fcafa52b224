"""Likely duplicates: files with different bytes that hold the same measurement."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from django.db.models import Q

from classifier.same_measurement import CENTRE_TOLERANCE, WIDTH_TOLERANCE, same_measurement
from classifier.spectrum import Array
from classifier.spectrum import Spectrum as ReadSpectrum
from triage.models import Spectrum, SpectrumArrays
from triage.models.arrays import unpack

TOLERANCES = np.array((CENTRE_TOLERANCE, WIDTH_TOLERANCE))
# So many of the spectra with nearly the same centre and width are compared sample by sample: the nearest ones, because
# the original of a copy is among these even where there are hundreds of alike exposures.
NEAREST = 10
# So many spectra are sought with one query: SQLite refuses a condition of about 1,000 parts.
PORTION = 200
# So many stored spectra are held in memory with their samples.
MOST_HELD = 256


class Stored(NamedTuple):
    """A reading of a stored spectrum.

    pk: id of its record.
    reading: number of the reading.
    """

    pk: int
    reading: int


# An earlier spectrum is stored, or comes with the new one: then this is its place among those that come together.
Earlier = Stored | int


class DuplicateSearch:
    """Search for the earlier spectrum that each of several new ones likely duplicates.

    It remembers what it has compared: ``compare`` takes seconds for a thousand spectra with the same centre before a
    transaction, and little within it.

    A public spectrum is compared with public ones, and a group's spectrum also with those of the group, so a mark tells
    nobody of a spectrum that they may not see.

    read: records of one audience, with centre and width, and the new reading of each, in the order of their ids to be.
    """

    def __init__(self, read: Sequence[tuple[Spectrum, ReadSpectrum]]) -> None:
        self._read = read
        self._shapes = np.array([(one.centre or 0.0, one.width or 0.0) for one, _ in read]).reshape(-1, 2)
        self._same: dict[tuple[int, Earlier], bool] = {}
        self._held: dict[Stored, tuple[Array, Array]] = {}
        self._found: dict[int, Earlier] = {}

    def left(self) -> int:
        """Return how many pairs of spectra ``compare`` has not compared, with what is stored now."""
        return sum(len(self._not_compared(place, near)) for place, near in self._near())

    def compare(self) -> None:
        """Find the duplicates among what is stored now. Pairs that were compared before are not compared again."""
        self._found = {}
        for place, near in self._near():
            self._hold(self._not_compared(place, near))
            first = next((one for one in near if self._is_same(place, one)), None)
            if first is not None:
                self._found[place] = first

    def mark(self) -> list[Spectrum]:
        """Set what each record likely duplicates, as ``compare`` found it, or None; return those that are duplicates.

        A duplicate gets a warning on its receipt. The records have their ids by now; they are not saved here.
        """
        for place, (spectrum, _) in enumerate(self._read):
            spectrum.likely_duplicate_of = None
            if (first := self._found.get(place)) is not None:
                spectrum.likely_duplicate_of_id = first.pk if isinstance(first, Stored) else self._read[first][0].pk
                _warn(spectrum)
        return [self._read[place][0] for place in self._found]

    def originals(self) -> list[Spectrum | None]:
        """Return for each spectrum the stored record that it duplicates, as ``compare`` found it, or None."""
        stored = {one.pk for one in self._found.values() if isinstance(one, Stored)}
        records = Spectrum.objects.select_related("transient").in_bulk(stored) if stored else {}
        found = [self._found.get(place) for place in range(len(self._read))]
        return [records.get(one.pk) if isinstance(one, Stored) else None for one in found]

    def _near(self) -> Iterator[tuple[int, list[Earlier]]]:
        """Yield the place of each spectrum, and earlier ones that may be the same measurement, the first one first."""
        for start in range(0, len(self._read), PORTION):
            places = range(start, min(start + PORTION, len(self._read)))
            stored, shapes = self._stored_near(places)
            for place in places:
                earlier = [stored[at] for at in _places_near(shapes, self._shapes[place])]
                yield place, [*earlier, *_places_near(self._shapes[:place], self._shapes[place])]

    def _stored_near(self, places: range) -> tuple[list[Stored], Array]:
        """Return the stored spectra near one of these by their ids, and the centre and width of each (n, 2)."""
        audience = Q(group__isnull=True) | Q(group=self._read[0][0].group_id)
        near = functools.reduce(operator.or_, (_is_near(self._shapes[place]) for place in places))
        found = Spectrum.objects.filter(audience, near).order_by("pk")
        if (own := self._read[0][0].pk) is not None:
            # A record that is read again comes alone, and can only duplicate an earlier one.
            found = found.filter(pk__lt=own)
        rows = list(found.values_list("pk", "reading", "centre", "width"))
        return [Stored(pk, reading) for pk, reading, *_ in rows], np.array([row[2:] for row in rows]).reshape(-1, 2)

    def _not_compared(self, place: int, near: Sequence[Earlier]) -> list[Earlier]:
        """Return the spectra that still need a comparison: none behind one that is known to be the same measurement."""
        known = [self._same.get((place, one)) for one in near]
        end = known.index(True) if True in known else len(near)
        return [one for one, same in zip(near[:end], known, strict=False) if same is None]

    def _hold(self, wanted: Sequence[Earlier]) -> None:
        """Fetch the samples of stored spectra that are not held yet."""
        stored = [one for one in wanted if isinstance(one, Stored)]
        missing = {one.pk: one for one in stored if one not in self._held}
        if len(self._held) + len(missing) > MOST_HELD:
            self._held = {one: self._held[one] for one in stored if one in self._held}
        if missing:
            for arrays in SpectrumArrays.objects.filter(spectrum__in=missing):
                self._held[missing[arrays.spectrum_id]] = unpack(arrays.wavelength), unpack(arrays.flux)

    def _is_same(self, place: int, earlier: Earlier) -> bool:
        known = self._same.get((place, earlier))
        if known is None:
            own = _samples(self._read[place][1])
            other = self._held.get(earlier) if isinstance(earlier, Stored) else _samples(self._read[earlier][1])
            known = self._same[place, earlier] = other is not None and same_measurement(own, other)
        return known


def _samples(read: ReadSpectrum) -> tuple[Array, Array]:
    return read.wavelength, read.flux


def _places_near(others: Array, shape: Array) -> list[int]:
    """Return the places of the spectra with the nearest centre and width, which may be one measurement, in order.

    others: (n, 2) centre and width of each in Å.
    shape: (2,) centre and width of the spectrum in question.
    """
    apart = np.abs(others - shape) / TOLERANCES
    near = np.flatnonzero((apart <= shape).all(axis=1))
    nearest = near[np.argsort(apart[near].max(axis=1), kind="stable")[:NEAREST]]
    places: list[int] = np.sort(nearest).tolist()
    return places


def _is_near(shape: Array) -> Q:
    """Return the condition that a stored spectrum is near, as for ``_places_near``."""
    (low, least), (high, most) = ((shape * share).tolist() for share in (1 - TOLERANCES, 1 + TOLERANCES))
    return Q(centre__range=(low, high), width__range=(least, most))


def keep_mark(spectrum: Spectrum) -> None:
    """Put the warning of a marked duplicate on its new receipt. The caller saves the spectrum."""
    if spectrum.likely_duplicate_of_id is not None:
        _warn(spectrum)


def _warn(spectrum: Spectrum) -> None:
    message = f"copy of spectrum {spectrum.likely_duplicate_of_id}: it has the same samples"
    warnings = [*spectrum.receipt.get("warnings", ()), {"code": "likely_duplicate", "message": message}]
    spectrum.receipt = {**spectrum.receipt, "warnings": warnings}
