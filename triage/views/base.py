"""Functions that several pages share."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest
from django.utils.text import capfirst

from triage.models import Brightness, Spectrum, Transient
from triage.queue.filters import midnight


def signed_in(request: HttpRequest) -> User:
    """Return the user of a view behind ``login_required``; raises TypeError in any other view."""
    if not isinstance(request.user, User):
        raise TypeError("this view needs login_required")
    return request.user


def wants_fragment(request: HttpRequest) -> bool:
    """Return whether a script asks for the changing part of the page alone."""
    return request.headers.get("X-Fragment") == "1"


def no_days(request: HttpRequest, *names: str) -> list[str]:
    """Return those texts of the address that should be days and are not, for ``partials/no_days.html``.

    names: its parameters that take a day (YYYY-MM-DD) or nothing.
    """
    given = [request.GET.get(name, "").strip() for name in names]
    return [text for text in given if text and midnight(text) is None]


def sentence(detail: str) -> str:
    """Return the detail of an error as a sentence: with a capital at its beginning and a full stop at its end."""
    return f"{capfirst(detail)}{'' if detail.endswith(('.', '?')) else '.'}"


def visible_transient(user: User, name: str) -> Transient:
    """Return a transient annotated by ``for_review``.

    name: name of the transient, in any spelling, or another name that the user knows.

    Raises Http404 if there is no such transient or the user may not know of it.
    """
    transient = Transient.objects.for_review(user).select_related("tns_record").called(user, name)
    if transient is None:
        raise Http404("There is no such transient.")
    return transient


def visible_spectrum(user: User, spectrum_id: int) -> Spectrum:
    """Return one spectrum with its transient, group, sender and duplicate. Raises Http404 if the user may see none."""
    related = ("transient", "group", "uploaded_by", "likely_duplicate_of__transient")
    visible = Spectrum.objects.visible_to(user).select_related(*related)
    spectrum: Spectrum | None = visible.filter(pk=spectrum_id).first()
    if spectrum is None:
        raise Http404("There is no such spectrum.")
    return spectrum


def visible_spectra(user: User, transient: Transient) -> list[Spectrum]:
    """Return a transient's spectra that the user may see, in time order, with their predictions.

    transient: annotated by ``for_review``. If its predictions are hidden from the user, the spectra come without them,
    so that no part of a page can show them.
    """
    rows = Spectrum.objects.visible_to(user).filter(transient=transient).in_time_order()
    rows = rows.select_related("current_prediction__checkpoint", "current_prediction__named_matches", "group")
    spectra = list(rows.prefetch_related(Brightness.objects.for_reader(user, "current_prediction__")))
    if transient.hidden:
        for spectrum in spectra:
            spectrum.current_prediction = None
    return spectra


def shown_spectrum(spectra: Sequence[Spectrum], wanted: str | None, prediction_id: int | None) -> Spectrum | None:
    """Choose the spectrum that a page shows.

    spectra: spectra in time order.
    wanted: id of the spectrum that the address asks for, as text, or None.
    prediction_id: id of the transient's current prediction, or None.

    Returns the spectrum asked for, else the one with the current prediction, else the newest that is no copy of
    another; None without spectra.
    """
    for spectrum in spectra:
        if wanted and str(spectrum.pk) == wanted:
            return spectrum
    for spectrum in spectra:
        if prediction_id is not None and spectrum.current_prediction_id == prediction_id:
            return spectrum
    known = {spectrum.pk for spectrum in spectra}
    return next((s for s in reversed(spectra) if s.likely_duplicate_of_id not in known), None)
