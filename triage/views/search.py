"""Search in the header: any transient that the user may see, by its names, its files or its place, in any state."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from classifier.readers.coordinates import place_in_name, read_cone
from triage.models import Spectrum, Transient
from triage.models.demonstration import only
from triage.models.spectrum import SpectrumQuerySet
from triage.models.transient_queries import TransientQuerySet
from triage.queue.filters import STATES
from triage.views.base import signed_in, wants_fragment
from triage.views.demo import demonstration_of, left_out

MOST_HITS = 12
# Distance in arcseconds within which a place finds a transient if no radius is given, and the largest radius.
NEAR, MOST_RADIUS = 10.0, 600.0
# Names of files are searched for texts of so many characters, and so many files are looked at with one query.
LEAST_OF_FILE_NAME, MOST_FILES = 4, 100


@dataclasses.dataclass(frozen=True)
class Hit:
    """A transient that was found.

    name: its name.
    also: another name or a file that has the text, or how far it lies from the place in the text; "" if its own name
        has it.
    state: state of its review, in words.
    class_name: class that was decided on or predicted; "" if there is none or it is hidden from the user.
    address: address of its review page.
    """

    name: str
    also: str
    state: str
    class_name: str
    address: str


@dataclasses.dataclass(frozen=True)
class Found:
    """The answer to a search.

    hits: the transients that were found.
    said: how the text was understood, or what was not found; "" if the hits say it.
    """

    hits: list[Hit]
    said: str


@login_required
@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """List the transients with a text in one of their names; a script gets the list as JSON.

    A name that means one transient leads to it at once, unless a script asks.
    """
    user, text = signed_in(request), request.GET.get("q", "").strip()[:120]
    simulated = demonstration_of(request).simulated
    if wants_fragment(request):
        return JsonResponse(dataclasses.asdict(find(user, text, simulated)))
    meant = Transient.objects.visible_to(user).called(user, text) if text else None
    if meant is not None:
        return redirect("review", meant.name)
    found = find(user, text, simulated)
    hidden = left_out(request, found.hits, lambda: len(find(user, text, simulated=True).hits))
    context = {"found": found, "left_out": hidden, "text": text, "most": MOST_HITS}
    return render(request, "search.html", context)


def find(user: User, text: str, simulated: bool | None = None) -> Found:
    """Return transients with a text in a name that the user may know, the one that is called so first.

    text: name or part of one, in any spelling, or a part of the name of a transient's file; or right ascension,
        declination and perhaps a radius (see read_cone), which find what lies there, the nearest first; so does a
        name made of coordinates that no transient has. "" finds nothing.
    simulated: see triage.models.demonstration. It does not narrow what a whole name finds.
    """
    if not text:
        return Found([], "")
    seen = Transient.objects.for_review(user).with_other_names(user)
    if cone := read_cone(text):
        return _in_cone(seen.filter(only(simulated)), *cone)
    meant = seen.called(user, text)
    newest = seen.with_part_of_name(user, text).filter(only(simulated)).order_by("-created_at", "-pk")[:MOST_HITS]
    rows = [meant, *(row for row in newest if row != meant)][:MOST_HITS] if meant else list(newest)
    hits = [_hit(row, text) for row in rows]
    if len(text) >= LEAST_OF_FILE_NAME:
        files = Spectrum.objects.visible_to(user).with_part_of_file_name(text).filter(only(simulated, "transient__"))
        named = _newest_files(files.exclude(transient__in=rows), MOST_HITS - len(hits))
        others = seen.filter(pk__in=named).order_by("-created_at", "-pk")[: MOST_HITS - len(hits)]
        hits += [dataclasses.replace(_hit(row, text), also=f"file {named[row.pk]}") for row in others]
    if not hits and (place := place_in_name(text)):
        near = _in_cone(seen.filter(only(simulated)), *place)
        return Found(near.hits, f"No transient has this name. {near.said}")
    return Found(hits, "" if hits else "No transient that you may see has this in a name or in the name of a file.")


def _newest_files(files: SpectrumQuerySet, most: int) -> dict[int, str]:
    """Return the newest of these files of each transient, by the transient's id.

    most: so many transients are enough.
    """
    named: dict[int, str] = {}
    while len(named) < most:
        rows = files.exclude(transient__in=named).order_by("-pk").values_list("transient", "filename")[:MOST_FILES]
        found = list(rows)
        for transient, filename in found:
            named.setdefault(transient, filename)
        if len(found) < MOST_FILES:
            break
    return named


def _in_cone(seen: TransientQuerySet, ra: float, dec: float, radius: float | None) -> Found:
    """Return the transients near a place.

    ra, dec: degrees, ICRS.
    radius: arcseconds, or None for NEAR.
    """
    radius = NEAR if radius is None else radius
    if radius > MOST_RADIUS:
        return Found([], f"The radius is {radius:g}″: a search goes up to {MOST_RADIUS:g}″ ({MOST_RADIUS / 60:g}′).")
    if radius <= 0:
        return Found([], "The radius has to be greater than 0.")
    near = seen.near(ra, dec, radius)
    hits = [dataclasses.replace(_hit(row, ""), also=f"{distance:.1f}″ away") for row, distance in near[:MOST_HITS]]
    what = "Transients" if hits else "No transient that you may see lies"
    what = f"The nearest {MOST_HITS} transients" if len(near) > MOST_HITS else what
    return Found(hits, f"{what} within {radius:g}″ of RA {ra:.5f}°, Dec {dec:+.5f}° (ICRS).")


def _hit(transient: Any, text: str) -> Hit:
    """Return a transient as a hit.

    text: text that one of its names may hold.
    """
    own = text.casefold() in transient.name.casefold()
    names = [other.name for other in transient.known_names if text.casefold() in other.name.casefold()]
    states = dict(STATES) | {"bad_spectrum": "Bad spectra"}
    return Hit(
        name=transient.name,
        also="" if own or not names else names[0],
        state=states[transient.review_state].lower(),
        class_name="" if transient.hidden else transient.standing_class or transient.predicted_class or "",
        address=reverse("review", args=[transient.name]),
    )
