"""The review page: one transient, its spectra, what the network thinks, and the reviewer's verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from classifier.taxonomy import load_taxonomy
from triage import claims, queue, review, second_opinion
from triage.api.views import original_file
from triage.arrays import unpack
from triage.epochs import fused_answer
from triage.errors import InvalidDecisionError, TriageError
from triage.filters import QueueFilter
from triage.forms import DecisionForm
from triage.lines import ELEMENTS, elements_of
from triage.models import Classification, Decision, Photometry, Prediction, Spectrum, SpectrumArrays
from triage.models.decision import Verdict
from triage.querysets import other_names
from triage.signal import Signal, signal_to_noise
from triage.standing import OPEN
from triage.standing import standing as votes_on
from triage.value import contradiction
from triage.views.base import shown_spectrum, signed_in, visible_spectra, visible_transient, wants_fragment


@login_required
@require_safe
def review_page(request: HttpRequest, name: str) -> HttpResponse:
    """The transient; who opens it claims it, unless it is done. Our script fetches pages ahead, with a header that
    claims nothing, and claims when it shows them."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    if request.method == "GET" and "X-Ahead" not in request.headers and transient.review_state != "done":
        claims.claim(user, transient)
    return _page(request, user, transient, request.GET.get("spectrum"))


def _page(
    request: HttpRequest,
    user: User,
    transient: Any,
    wanted: str | None,
    draft: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page, showing the spectrum ``wanted``; draft: what was typed into the form, where it could not be taken."""
    chosen = QueueFilter.read(request.GET)
    prefetch_related_objects([transient], other_names(user))
    earlier, later = chosen.neighbours(user, transient)
    spectra = visible_spectra(user, transient)
    shown = shown_spectrum(spectra, wanted, transient.current_prediction_id)
    decisions = Decision.objects.visible_to(user).filter(transient=transient).select_related("reviewer", "supersedes")
    ledger = _ledger(list(decisions))
    rows = Classification.objects.filter(transient=transient).visible_to(user).newest_first()
    standing = None if transient.hidden else rows.select_related("decision__reviewer", "group").first()
    prediction = shown.current_prediction if shown else None
    signal, has_errors = _signal_to_noise(shown)
    context = {
        "transient": transient,
        "filter": chosen,
        "spectra": spectra,
        "shown": shown,
        "prediction": prediction,
        "signal": signal,
        # Of what has no continuum the median is near zero however well it was measured.
        "flattened": shown is not None and shown.receipt.get("flux_kind") == "flattened",
        "has_errors": has_errors,
        "fused": fused_answer(spectra),
        "reason": queue.reason(prediction, contradiction=_contradiction(spectra)),
        "earlier": earlier,
        "later": later,
        "ledger": [] if transient.hidden else ledger,
        "last_decision": max((entry["decision"].pk for entry in ledger), default=0),
        "last_own": _last_own(user),
        "standing": standing,
        **_round(user, transient, standing, ledger),
        **_claim(user, transient),
        "taxonomy": load_taxonomy().classes,
        "elements": ELEMENTS,
        "elements_of_class": elements_of(prediction.class_name if prediction else None),
        "history": [] if transient.hidden else _history(shown),
        "has_photometry": Photometry.objects.visible_to(user).filter(transient=transient).exists(),
        "draft": draft or {},
        "section": "queue",
    }
    return render(request, "review.html", context, status=status)


def _contradiction(spectra: list[Spectrum]) -> float | None:
    """Of the predictions of those that were not called bad; None without any."""
    said = [s.current_prediction for s in spectra if s.current_prediction is not None and not s.rejected]
    said.sort(key=lambda prediction: prediction.uncertainty)
    return contradiction([(prediction.class_name, prediction.uncertainty) for prediction in said]) if said else None


def _claim(user: User, transient: Any) -> dict[str, Any]:
    """The claim that stands, and whether it is another's, who alone may decide."""
    found = claims.standing_claim(transient)
    return {"claim": found, "held": found is not None and found.reviewer_id != user.pk}


def _signal_to_noise(shown: Spectrum | None) -> tuple[Signal | None, bool]:
    """Of the spectrum shown, and whether it has errors; not stored, for it takes less than a millisecond."""
    arrays = SpectrumArrays.objects.filter(spectrum=shown).first() if shown else None
    if arrays is None:
        return None, False
    error = None if arrays.flux_error is None else unpack(arrays.flux_error)
    return signal_to_noise(unpack(arrays.wavelength), unpack(arrays.flux), error), error is not None


def _history(shown: Spectrum | None) -> list[Prediction]:
    """All predictions of a spectrum, newest first: how its classification changed over checkpoints and redshifts."""
    if shown is None:
        return []
    return list(Prediction.objects.filter(spectrum=shown).select_related("checkpoint").order_by("-id"))


def _round(user: User, transient: Any, standing: Classification | None, ledger: list[dict[str, Any]]) -> dict[str, Any]:
    """Of an open round of votes: the votes, and whether the user's would settle a dispute."""
    if standing is None or standing.state not in OPEN:
        return {"votes": [], "may_settle": False}
    found = votes_on(transient, standing.group)
    counted = {vote.pk for vote in found.votes} if found else set()
    return {
        "votes": [entry["decision"] for entry in ledger if entry["decision"].pk in counted],
        "may_settle": second_opinion.settles(user, Verdict.OVERRIDE, found),
    }


def _last_own(user: User) -> Decision | None:
    """The user's last decision, if it is not undone yet: what the undo key takes back."""
    undone = Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk"))
    mine = Decision.objects.visible_to(user).filter(reviewer=user).exclude(verdict=Verdict.UNDO)
    return mine.filter(~Exists(undone)).select_related("transient").order_by("-id").first()


def _ledger(decisions: list[Decision]) -> list[dict[str, Any]]:
    """Decisions, newest first, each with whether it was undone."""
    undone = {decision.supersedes_id for decision in decisions if decision.verdict == Verdict.UNDO}
    return [{"decision": decision, "undone": decision.pk in undone} for decision in decisions]


@login_required
@require_POST
def decide(request: HttpRequest, name: str) -> HttpResponse:
    """Record a verdict, then show the next transient of the queue as it is filtered."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    form = DecisionForm(request.POST)
    chosen = QueueFilter.read(request.GET)
    following = chosen.following(user, transient)
    try:
        if not form.is_valid():
            raise InvalidDecisionError(" ".join(str(text) for errors in form.errors.values() for text in errors))
        decision = review.record_decision(user, transient, form.proposal())
    except TriageError as error:
        messages.error(request, f"Not recorded: {error.detail}{'' if error.detail.endswith('?') else '.'}")
        # What is hidden from the user may have changed meanwhile.
        now = visible_transient(user, name)
        return _page(request, user, now, request.POST.get("spectrum"), request.POST.dict(), error.status)
    said = f"{transient.name}: {decision}"
    path = reverse("review", args=[following.name]) if following else reverse("queue")
    return _go(request, path + chosen.query, said, messages.SUCCESS, decision.pk)


@login_required
@require_POST
def undo(request: HttpRequest, decision_id: int) -> HttpResponse:
    """Take back one's own decision and show its transient again."""
    here = request.POST.get("from", "")
    try:
        row = review.undo(signed_in(request), decision_id)
    except TriageError as error:
        safe = url_has_allowed_host_and_scheme(here, allowed_hosts={request.get_host()})
        return _go(request, here if safe else reverse("queue"), error.detail, messages.ERROR)
    address = reverse("review", args=[row.transient.name]) + QueueFilter.of_address(here).query
    return _go(request, address, f"{row.transient.name}: the decision is undone.", messages.INFO)


def _go(request: HttpRequest, address: str, said: str, level: int, decision: int | None = None) -> HttpResponse:
    """On to another page, which says what was done and offers to undo the decision. Our script is told all that, for it
    may show the page already; of the queue it knows nothing, so that page says it itself."""
    undo_tag = f"undo:{decision}" if decision else ""
    if not wants_fragment(request) or address.split("?")[0] == reverse("queue"):
        messages.add_message(request, level, said, extra_tags=undo_tag)
        return JsonResponse({"next": address}) if wants_fragment(request) else redirect(address)
    answer = {"next": address, "said": said, "level": messages.DEFAULT_TAGS[level]}
    return JsonResponse(answer | {"undo": reverse("undo", args=[decision]) if decision else None})


@login_required
@require_safe
def original(request: HttpRequest, spectrum_id: int) -> HttpResponse:
    """Download the file as it was sent."""
    spectrum = Spectrum.objects.visible_to(signed_in(request)).select_related("original").filter(pk=spectrum_id).first()
    if spectrum is None:
        raise Http404("There is no such spectrum.")
    return original_file(spectrum)
