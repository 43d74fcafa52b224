"""The review page: one transient, its spectra, what the network thinks, and the reviewer's verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from classifier.taxonomy import load_taxonomy
from triage import queue, review
from triage.api.views import original_file
from triage.arrays import unpack
from triage.epochs import fused_answer
from triage.errors import InvalidDecisionError, TriageError
from triage.filters import QueueFilter
from triage.forms import DecisionForm
from triage.lines import ELEMENTS, chosen_lines
from triage.models import Classification, Decision, Spectrum, SpectrumArrays, Transient
from triage.models.decision import Verdict
from triage.plots import Epoch, figure_json, spectrum_figure, with_template
from triage.template_spectra import overlay
from triage.views.base import signed_in, wants_fragment


@login_required
@require_safe
def review_page(request: HttpRequest, name: str) -> HttpResponse:
    user = signed_in(request)
    return _page(request, user, _transient(user, name), request.GET.get("spectrum"))


def _page(
    request: HttpRequest,
    user: User,
    transient: Any,
    wanted: str | None,
    draft: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, showing the spectrum ``wanted``; draft: what was typed into the form, where it could not be taken."""
    spectra = _spectra(user, transient)
    shown = _shown(spectra, wanted, transient.current_prediction_id)
    chosen = QueueFilter.read(request.GET)
    earlier, later = chosen.neighbours(user, transient)
    decisions = Decision.objects.visible_to(user).filter(transient=transient).select_related("reviewer", "supersedes")
    ledger = _ledger(list(decisions))
    standing = Classification.objects.filter(transient=transient).visible_to(user).newest_first()
    context = {
        "transient": transient,
        "filter": chosen,
        "spectra": spectra,
        "shown": shown,
        "prediction": shown.current_prediction if shown else None,
        "fused": fused_answer(spectra),
        "reason": queue.reason(shown.current_prediction if shown else None),
        "earlier": earlier,
        "later": later,
        "ledger": ledger,
        "last_decision": max((entry["decision"].pk for entry in ledger), default=0),
        "last_own": _last_own(user),
        "standing": standing.select_related("decision__reviewer").first(),
        "taxonomy": load_taxonomy().classes,
        "elements": ELEMENTS,
        "draft": draft or {},
        "section": "queue",
    }
    return render(request, "review.html", context, status=status)


def _last_own(user: User) -> Decision | None:
    """The user's last decision, if it is not undone yet: what the undo key takes back."""
    undone = Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk"))
    mine = Decision.objects.visible_to(user).filter(reviewer=user).exclude(verdict=Verdict.UNDO)
    return mine.filter(~Exists(undone)).select_related("transient").order_by("-id").first()


def _transient(user: User, name: str) -> Any:
    transient = Transient.objects.for_review(user).filter(name=name).first()
    if transient is None:
        raise Http404("There is no such transient.")
    return transient


def _spectra(user: User, transient: Transient) -> list[Spectrum]:
    spectra = Spectrum.objects.visible_to(user).filter(transient=transient).in_time_order()
    return list(spectra.select_related("current_prediction__checkpoint", "group"))


def _shown(spectra: list[Spectrum], wanted: str | None, prediction_id: int | None) -> Spectrum | None:
    """The spectrum asked for, else the one whose prediction stands, else the newest."""
    for spectrum in spectra:
        if wanted and str(spectrum.pk) == wanted:
            return spectrum
    for spectrum in spectra:
        if prediction_id is not None and spectrum.current_prediction_id == prediction_id:
            return spectrum
    return spectra[-1] if spectra else None


def _ledger(decisions: list[Decision]) -> list[dict[str, Any]]:
    """Decisions, newest first, each with whether it was undone."""
    undone = {decision.supersedes_id for decision in decisions if decision.verdict == Verdict.UNDO}
    return [{"decision": decision, "undone": decision.pk in undone} for decision in decisions]


@login_required
@require_safe
def plot_json(request: HttpRequest, name: str) -> JsonResponse:
    """The figure. Parameters: spectrum (id), smooth (0-2), lines, template (0 or 1), elements (names with
    commas), velocity (km/s), z (another redshift), theme."""
    user = signed_in(request)
    transient = _transient(user, name)
    spectra = _spectra(user, transient)
    shown = _shown(spectra, request.GET.get("spectrum"), transient.current_prediction_id)
    arrays = SpectrumArrays.objects.in_bulk([spectrum.pk for spectrum in spectra])
    if shown is None or shown.pk not in arrays:
        return JsonResponse({"code": "no_arrays", "detail": "This spectrum could not be read."}, status=404)
    epoch = _epoch(shown, arrays)
    theme = request.GET.get("theme", "light")
    figure = spectrum_figure(
        epoch,
        [_epoch(s, arrays) for s in spectra if s.pk != shown.pk and s.pk in arrays],
        redshift=_redshift(request.GET.get("z", ""), shown),
        at_rest=shown.at_rest,
        smoothing={"1": 1, "2": 2}.get(request.GET.get("smooth", ""), 0),
        lines=_lines(request.GET),
        theme=theme,
    )
    if request.GET.get("template") == "1" and shown.current_prediction is not None:
        found = overlay(shown.current_prediction, epoch.wavelength, epoch.flux, at_rest=shown.at_rest)
        figure = with_template(figure, found, theme) if found else figure
    return JsonResponse(figure_json(figure))


def _epoch(spectrum: Spectrum, arrays: dict[int, SpectrumArrays]) -> Epoch:
    stored = arrays[spectrum.pk]
    error = None if stored.flux_error is None else unpack(stored.flux_error)
    return Epoch(unpack(stored.wavelength), unpack(stored.flux), error, spectrum.filename)


def _lines(query: Mapping[str, Any]) -> list[tuple[float, str]]:
    """The lines to mark: those of the elements asked for, of all where none are named."""
    if query.get("lines", "1") != "1":
        return []
    try:
        velocity = float(query.get("velocity") or 0)
    except ValueError:
        velocity = 0.0
    wanted = query.get("elements")
    return chosen_lines(ELEMENTS if wanted is None else wanted.split(","), velocity if math.isfinite(velocity) else 0.0)


def _redshift(text: str, spectrum: Spectrum) -> float | None:
    """The redshift to draw at: the one asked for, else the known one, else the network's."""
    try:
        asked = float(text)
    except ValueError:
        asked = None
    if asked is not None and -0.1 < asked < 10:
        return asked
    prediction = spectrum.current_prediction
    if prediction is None:
        return spectrum.stated_redshift
    return prediction.redshift if prediction.redshift_used is None else prediction.redshift_used


@login_required
@require_POST
def decide(request: HttpRequest, name: str) -> HttpResponse:
    """Record a verdict, then show the next transient of the queue as it is filtered."""
    user = signed_in(request)
    transient = _transient(user, name)
    form = DecisionForm(request.POST)
    chosen = QueueFilter.read(request.GET)
    following = chosen.following(user, transient)
    try:
        if not form.is_valid():
            raise InvalidDecisionError(" ".join(str(text) for errors in form.errors.values() for text in errors))
        decision = review.record_decision(user, transient, form.proposal())
    except TriageError as error:
        messages.error(request, f"Not recorded: {error.detail}.")
        return _page(request, user, transient, request.POST.get("spectrum"), request.POST.dict(), error.status)
    said = f"{transient.name}: {decision.get_verdict_display()} {decision.class_name}".strip()
    messages.success(request, said, extra_tags=f"undo:{decision.pk}")
    return _go(request, reverse("review", args=[following.name]) if following else reverse("queue"), chosen)


@login_required
@require_POST
def undo(request: HttpRequest, decision_id: int) -> HttpResponse:
    """Take back one's own decision and show its transient again."""
    here = request.POST.get("from", "")
    try:
        row = review.undo(signed_in(request), decision_id)
    except TriageError as error:
        messages.error(request, error.detail)
        safe = url_has_allowed_host_and_scheme(here, allowed_hosts={request.get_host()})
        return _go(request, here if safe else reverse("queue"), QueueFilter())
    messages.info(request, f"{row.transient.name}: the decision is undone.")
    return _go(request, reverse("review", args=[row.transient.name]), QueueFilter.of_address(here))


def _go(request: HttpRequest, path: str, chosen: QueueFilter) -> HttpResponse:
    """On to another page with the filters kept; our script is told the address and fetches it itself, so that the
    message of what was decided is shown by the page that it belongs to."""
    address = path + chosen.query
    return JsonResponse({"next": address}) if wants_fragment(request) else redirect(address)


@login_required
@require_safe
def original(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Download the file as it was sent."""
    spectrum = Spectrum.objects.visible_to(signed_in(request)).select_related("original").filter(pk=spectrum_id).first()
    if spectrum is None:
        raise Http404("There is no such spectrum.")
    return original_file(spectrum)
