"""Help in naming a spectrum: suggestions, and the number of spectra that their transients have."""

from __future__ import annotations

import dataclasses
import math
from difflib import get_close_matches

from django.contrib.auth.models import User
from django.db.models import Count, F

from classifier.names import name_key
from classifier.readers.filename import is_generic
from triage.models import Spectrum, Transient
from triage.models.transient_queries import TransientQuerySet

# Transients within so many arcseconds are suggested.
NEAR = 3.0
MOST = 5
# Least likeness of two names, 0 to 1, and the number of newest transients whose names are compared.
ALIKE, COMPARED = 0.75, 2000


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """A name that a spectrum may have.

    name: the name.
    why: the reason, in words.
    """

    name: str
    why: str


def suggested_names(user: User, spectrum: Spectrum) -> list[Suggestion]:
    """Return names for an unnamed spectrum, the likeliest first.

    They come from a duplicate of it, transients at its place, its header, and names alike.

    user: whose transients are suggested.
    """
    found: dict[str, Suggestion] = {}
    transients = Transient.objects.visible_to(user).filter(simulated=spectrum.simulated)
    twin = spectrum.likely_duplicate_of
    if twin is not None and twin.transient is not None:
        found[twin.transient.name] = Suggestion(twin.transient.name, "has the same samples")
    metadata = spectrum.receipt.get("metadata", {})
    place = spectrum.receipt.get("coordinates") or (metadata.get("ra"), metadata.get("dec"))
    for name, distance in _near(transients, *place):
        found.setdefault(name, Suggestion(name, f"{distance:.1f} arcsec away"))
    stated = str(metadata.get("object") or "")
    if stated and not is_generic(stated):
        found.setdefault(stated, Suggestion(stated, "in the header"))
    known = {name_key(name): name for name in transients.order_by("-pk").values_list("name", flat=True)[:COMPARED]}
    stem = name_key((spectrum.receipt.get("member") or spectrum.filename).rsplit(".", 1)[0])
    for text in filter(None, (name_key(stated), stem)):
        for key in get_close_matches(text, known, MOST, ALIKE):
            found.setdefault(known[key], Suggestion(known[key], "a name much like it"))
    return list(found.values())[:MOST]


def count_epochs(user: User, *spectra: Spectrum) -> None:
    """Set ``epoch_count`` of spectra: how many spectra of its transient the user may see; 0 if it is unnamed."""
    transients = {spectrum.transient_id for spectrum in spectra} - {None}
    rows = Spectrum.objects.visible_to(user).filter(transient__in=transients).order_by()
    counts = dict(rows.values_list("transient").annotate(Count("pk")))
    for spectrum in spectra:
        spectrum.epoch_count = counts.get(spectrum.transient_id, 0)


def _near(transients: TransientQuerySet, ra: float | None, dec: float | None) -> list[tuple[str, float]]:
    """Return names and distances (arcsec) of the transients near a place (degrees), the nearest first."""
    if ra is None or dec is None:
        return []
    side = NEAR / 3600
    across = side / max(math.cos(math.radians(dec)), 1e-3)
    box = transients.filter(dec__range=(dec - side, dec + side), ra__range=(ra - across, ra + across))
    rows = box.values_list("name", "ra", "dec").order_by(F("pk"))[:100]
    near = [
        (name, 3600 * math.hypot((a - ra) * math.cos(math.radians(dec)), d - dec))
        for name, a, d in rows
        if a is not None and d is not None
    ]
    return sorted((pair for pair in near if pair[1] <= NEAR), key=lambda pair: pair[1])
