"""Searches of transients: by a part of a name, by their spectra and by place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from astropy.coordinates import angular_separation
from django.db import models
from django.db.models import Exists, OuterRef, Q

from classifier.names import name_key
from triage.models.audience import User
from triage.models.other_name import OtherName
from triage.models.spectrum import SpectrumQuerySet
from triage.models.transient_order import TransientOrderQuerySet

if TYPE_CHECKING:
    from triage.models.transient import Transient

# So many transients are named by a list of their ids.
MOST_LISTED = 2500
# A search of a place returns at most so many.
NEAREST = 100


class TransientSearchQuerySet(TransientOrderQuerySet):
    """Transients that are searched for."""

    def with_part_of_name(self, user: User, part: str) -> Self:
        """Return the transients with a text in a name that the user may know, in any spelling."""
        contains, key = Q(name__icontains=part), name_key(part)
        if key:
            contains |= Q(key__contains=key)
        known = OtherName.objects.visible_to(user).filter(contains).order_by()
        # Two searches, because Postgres reads all transients for a name or another name.
        own = _few(self.model.objects.filter(contains).order_by().values_list("pk"))
        others = _few(known.values_list("transient"))
        if own is not None and others is not None:
            return self.filter(pk__in=own | others)
        by_other = Q(Exists(known.filter(transient=OuterRef("pk")))) if others is None else Q(pk__in=others)
        return self.filter(contains | by_other)

    def with_spectrum(self, spectra: SpectrumQuerySet) -> Self:
        """Return the transients that have one of the spectra."""
        one = Exists(spectra.filter(transient=OuterRef("pk")))
        return self._among(spectra.order_by().values_list("transient"), Q(one))

    def _among(self, ids: models.QuerySet[Any, Any], condition: Q) -> Self:
        """Return the transients with these ids, which are those that meet the condition.

        Postgres cannot tell whether a part of a name is rare. Few ids are fetched, and their transients are read by the
        list. If there are many, asking one transient after the other soon finds the rows of a page.
        """
        found = _few(ids)
        return self.filter(condition) if found is None else self.filter(pk__in=found)

    def near(self, ra: float, dec: float, radius: float) -> list[tuple[Transient, float]]:
        """Return the transients near a place with their distances in arcseconds, the nearest first, at most NEAREST.

        ra, dec: degrees, ICRS. radius: arcseconds.
        """
        side, beside = radius / 3600, Q()
        # Circles of right ascension are closest at the side of the box that is nearer to a pole.
        width = side / math.cos(math.radians(abs(dec) + side)) if abs(dec) + side < 90 else 360.0
        # A place may lie on the other side of right ascension 0.
        for middle in (ra - 360, ra, ra + 360):
            beside |= Q(ra__range=(middle - width, middle + width))
        box = self.filter(beside, dec__range=(dec - side, dec + side)).order_by().values_list("pk", "ra", "dec")
        place = math.radians(ra), math.radians(dec)
        found = {pk: _separation(place, (math.radians(its_ra), math.radians(its_dec))) for pk, its_ra, its_dec in box}
        nearest = sorted((pk for pk in found if found[pk] <= radius), key=lambda pk: found[pk])[:NEAREST]
        rows = self.in_bulk(nearest)
        return [(rows[pk], found[pk]) for pk in nearest]


def _separation(place: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance in arcseconds of two places, each right ascension and declination in radians."""
    return math.degrees(float(angular_separation(*place, *other))) * 3600


def _few(ids: models.QuerySet[Any, Any]) -> set[int] | None:
    """Return the ids if there are at most MOST_LISTED, else None."""
    found = list(ids[: MOST_LISTED + 1])
    return {pk for (pk,) in found} if len(found) <= MOST_LISTED else None
