"""Help in naming a spectrum: suggestions, and the number of spectra that their transients have."""

from __future__ import annotations

import dataclasses
from difflib import get_close_matches
from pathlib import Path

from django.contrib.auth.models import User
from django.db.models import Count

from classifier.names import name_key
from classifier.readers.filename import is_generic
from triage.models import Spectrum, Transient

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
    ra, dec = spectrum.receipt.get("coordinates") or (metadata.get("ra"), metadata.get("dec"))
    for near, distance in [] if ra is None or dec is None else transients.near(ra, dec, NEAR):
        found.setdefault(near.name, Suggestion(near.name, f"{distance:.1f} arcsec away"))
    stated = str(metadata.get("object") or "")
    if stated and not is_generic(stated):
        found.setdefault(stated, Suggestion(stated, "in the header"))
    known = {name_key(name): name for name in transients.order_by("-pk").values_list("name", flat=True)[:COMPARED]}
    stem = name_key(Path(spectrum.receipt.get("member") or spectrum.filename).stem)
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
