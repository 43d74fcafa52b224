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
# Largest number of spectra with nearly the same centre that are compared sample by sample.
MOST_COMPARED = 50
# So many spectra are sought with one query: SQLite refuses a condition of about 1,000 parts.
PORTION = 200
# So many stored spectra are held in memory with their samples.
MOST_HELD = 256


class Earlier(NamedTuple):
    """A spectrum that came before another one.

    pk: id of its record, or None if it comes with the other one.
    number: number of its record's reading, or its place among those that come together.
    """

    pk: int | None
    number: int


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
        self._held: dict[Earlier, tuple[Array, Array]] = {}
        self._found: dict[int, Earlier] = {}

    def compare(self, most: int | None = None) -> bool:
        """Find the duplicates among what is stored now, and return True; return False if too much is left to compare.

        most: so many pairs of spectra may be compared that were not compared before; None for any number.
        """
        self._found, left = {}, most
        for place, near in self._near():
            new = self._not_compared(place, near)
            if left is not None:
                left -= len(new)
                if left < 0:
                    return False
            self._hold(new)
            first = next((one for one in near if self._is_same(place, one)), None)
            if first is not None:
                self._found[place] = first
        return True

    def mark(self) -> list[Spectrum]:
        """Set what each record likely duplicates, as ``compare`` found it, or None; return those that are duplicates.

        A duplicate gets a warning on its receipt. The records have their ids by now; they are not saved here.
        """
        for place, (spectrum, _) in enumerate(self._read):
            spectrum.likely_duplicate_of = None
            if (first := self._found.get(place)) is not None:
                spectrum.likely_duplicate_of_id = self._read[first.number][0].pk if first.pk is None else first.pk
                _warn(spectrum)
        return [self._read[place][0] for place in self._found]

    def originals(self) -> list[Spectrum | None]:
        """Return for each spectrum the stored record that it duplicates, as ``compare`` found it, or None."""
        stored = {one.pk for one in self._found.values() if one.pk is not None}
        records = Spectrum.objects.select_related("transient").in_bulk(stored) if stored else {}
        found = [self._found.get(place) for place in range(len(self._read))]
        return [None if one is None or one.pk is None else records.get(one.pk) for one in found]

    def _near(self) -> Iterator[tuple[int, list[Earlier]]]:
        """Yield the place of each spectrum, and the first earlier ones that may be the same measurement."""
        for start in range(0, len(self._read), PORTION):
            places = range(start, min(start + PORTION, len(self._read)))
            stored, shapes = self._stored_near(places)
            for place in places:
                own = self._read[place][0].pk
                near = [stored[at] for at in _places_near(shapes, self._shapes[place])]
                # A record that is read again can only duplicate an earlier one.
                earlier = [one for one in near if own is None or (one.pk or 0) < own]
                beside = [Earlier(None, other) for other in _places_near(self._shapes[:place], self._shapes[place])]
                yield place, [*earlier, *beside][:MOST_COMPARED]

    def _stored_near(self, places: range) -> tuple[list[Earlier], Array]:
        """Return the stored spectra near one of these by their ids, and the centre and width of each (n, 2)."""
        audience = Q(group__isnull=True) | Q(group=self._read[0][0].group_id)
        near = functools.reduce(operator.or_, (_is_near(self._shapes[place]) for place in places))
        rows = list(
            Spectrum.objects.filter(audience, near).order_by("pk").values_list("pk", "reading", "centre", "width")
        )
        return [Earlier(pk, reading) for pk, reading, *_ in rows], np.array([row[2:] for row in rows]).reshape(-1, 2)

    def _not_compared(self, place: int, near: Sequence[Earlier]) -> list[Earlier]:
        """Return the spectra that still need a comparison: none behind one that is known to be the same measurement."""
        known = [self._same.get((place, one)) for one in near]
        end = known.index(True) if True in known else len(near)
        return [one for one, same in zip(near[:end], known, strict=False) if same is None]

    def _hold(self, wanted: Sequence[Earlier]) -> None:
        """Fetch the samples of stored spectra that are not held yet."""
        missing = {one.pk: one for one in wanted if one.pk is not None and one not in self._held}
        if len(self._held) + len(missing) > MOST_HELD:
            self._held = {one: self._held[one] for one in wanted if one in self._held}
        if missing:
            for arrays in SpectrumArrays.objects.filter(spectrum__in=missing):
                self._held[missing[arrays.spectrum_id]] = unpack(arrays.wavelength), unpack(arrays.flux)

    def _is_same(self, place: int, earlier: Earlier) -> bool:
        known = self._same.get((place, earlier))
        if known is None:
            own, other = _samples(self._read[place][1]), self._held.get(earlier)
            if earlier.pk is None:
                other = _samples(self._read[earlier.number][1])
            known = self._same[place, earlier] = other is not None and same_measurement(own, other)
        return known


def _samples(read: ReadSpectrum) -> tuple[Array, Array]:
    return read.wavelength, read.flux


def _places_near(others: Array, shape: Array) -> list[int]:
    """Return the places of the first spectra with nearly the same centre and width, which may be one measurement.

    others: (n, 2) centre and width of each in Å.
    shape: (2,) centre and width of the spectrum in question.
    """
    near = (np.abs(others - shape) <= TOLERANCES * shape).all(axis=1)
    places: list[int] = np.flatnonzero(near)[:MOST_COMPARED].tolist()
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
    message = f"the same spectrum is stored already, as spectrum {spectrum.likely_duplicate_of_id}: same samples"
    warnings = [*spectrum.receipt.get("warnings", ()), {"code": "likely_duplicate", "message": message}]
    spectrum.receipt = {**spectrum.receipt, "warnings": warnings}
