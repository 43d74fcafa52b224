"""What the pages share."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest

from triage.models import Spectrum, Transient


def signed_in(request: HttpRequest) -> User:
    """The user of a view behind ``login_required``."""
    if not isinstance(request.user, User):
        raise TypeError("this view needs login_required")
    return request.user


def wants_fragment(request: HttpRequest) -> bool:
    """Whether our script asks for the rows alone."""
    return request.headers.get("X-Fragment") == "1"


def visible_transient(user: User, name: str) -> Any:
    """With its prediction and review state; raises Http404 for one that the user may not know of."""
    transient = Transient.objects.for_review(user).called(user, name)
    if transient is None:
        raise Http404("There is no such transient.")
    return transient


def visible_spectra(user: User, transient: Any) -> list[Spectrum]:
    """A transient's spectra that the user may see, in time order, with their predictions; without these where they are
    hidden, so that nothing drawn tells them."""
    spectra = Spectrum.objects.visible_to(user).filter(transient=transient).in_time_order()
    found = list(spectra.select_related("current_prediction__checkpoint", "group"))
    if transient.hidden:
        for spectrum in found:
            spectrum.current_prediction = None
    return found


def shown_spectrum(spectra: list[Spectrum], wanted: str | None, prediction_id: int | None) -> Spectrum | None:
    """The spectrum asked for, else the one whose prediction stands, else the newest."""
    for spectrum in spectra:
        if wanted and str(spectrum.pk) == wanted:
            return spectrum
    for spectrum in spectra:
        if prediction_id is not None and spectrum.current_prediction_id == prediction_id:
            return spectrum
    return spectra[-1] if spectra else None
