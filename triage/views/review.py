"""The review page: one transient, its spectra, what the network says, and the reviewer's verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from classifier.lines import ELEMENTS
from triage.errors import InvalidDecisionError, TriageError
from triage.models import (
    Claim,
    Classification,
    Decision,
    Photometry,
    Prediction,
    Spectrum,
    SpectrumArrays,
    Transient,
    Verdict,
)
from triage.models.other_name import other_names
from triage.models.transient_order import Neighbours
from triage.queue.filters import QueueFilter
from triage.queue.fused import fused_answer
from triage.review import claims, comments, decisions, inbox, second_opinion
from triage.review.outcome import IN_ROUND, current_outcome
from triage.review.proposal import Proposal
from triage.views.automatic_run import automatic_entries
from triage.views.base import (
    no_days,
    sentence,
    shown_spectrum,
    signed_in,
    visible_spectra,
    visible_transient,
    wants_fragment,
)
from triage.views.comment_thread import comment_thread
from triage.views.demo import demonstration_of
from triage.views.fields import RedshiftField
from triage.views.network_answer import class_choices, keyed_classes, network_answer
from triage.views.return_address import return_address
from triage.views.review_model import (
    DecisionFields,
    KnownRedshift,
    Quality,
    ReviewPage,
    VotingRound,
    epoch_tabs,
    evolution,
    ledger_entries,
    line_sets,
    taken_back,
)
from triage.views.sky import SkyPlace
from triage.views.verdict_message import verdict_message

# Parameters of the queue's filter that take a day.
DAYS = ("from", "to")


class DecisionForm(forms.Form):
    """The verdict as the page sends it.

    prediction: id of the prediction that was on the page.
    spectrum: id of the spectrum that was on the page.
    last_decision: id of the newest decision that was on the page, 0 if there was none.
    """

    verdict = forms.ChoiceField(choices=[(v.value, v.label) for v in Verdict if v != Verdict.UNDO])
    class_name = forms.CharField(required=False, max_length=60)
    redshift = RedshiftField()
    comment = forms.CharField(required=False, max_length=4000, widget=forms.Textarea)
    prediction = forms.IntegerField(required=False)
    spectrum = forms.IntegerField(required=False)
    last_decision = forms.IntegerField(required=False)

    def proposal(self) -> Proposal:
        """Return the verdict, which ``triage.review.decisions`` checks."""
        return Proposal(**self.cleaned_data)


@login_required
@require_safe
def review_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a transient, mark the inbox's entries about it as read, and claim it if the user may decide next.

    The page's script fetches the next page ahead with the header X-Ahead, which changes nothing; the script claims the
    transient when it shows that page. Parameters: spectrum (id of the one to show) and those of the queue's filter.
    The status is 400 if the filter has a text that is no day.
    """
    user = signed_in(request)
    transient = visible_transient(user, name)
    opened = request.method == "GET" and "X-Ahead" not in request.headers
    if opened:
        inbox.mark_read(user, transient)
    claimed = opened and claims.is_wanted(transient)
    claim = claims.claim(user, transient) if claimed else claims.standing_claim(user, transient)
    return _respond(request, user, transient, claim, request.GET.get("spectrum"))


def _respond(
    request: HttpRequest,
    user: User,
    transient: Transient,
    claim: Claim | None,
    wanted: str | None,
    typed: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Return the page.

    claim: claim that stands, as far as the user may know, or None.
    wanted: id of the spectrum to show, as text, or None for the one whose prediction stands.
    typed: what was typed into a form that was refused.
    status: HTTP status.
    """
    spectra = visible_spectra(user, transient)
    shown = shown_spectrum(spectra, wanted, transient.current_prediction_id)
    demonstration = demonstration_of(request)
    chosen = QueueFilter.read(request.GET)
    neighbours = chosen.neighbours(user, transient, demonstration.simulated)
    held = claims.of_another(user, claim)
    page = _page(user, transient, held, chosen, neighbours, spectra, shown, typed or {})
    refused = no_days(request, *DAYS)
    context = {"page": page, "no_days": refused, "section": "queue"}
    return render(request, "review.html", context, status=400 if refused else status)


def _page(
    user: User,
    transient: Transient,
    held: Claim | None,
    chosen: QueueFilter,
    neighbours: Neighbours,
    spectra: Sequence[Spectrum],
    shown: Spectrum | None,
    typed: Mapping[str, Any],
) -> ReviewPage:
    prefetch_related_objects([transient], other_names(user))
    ledger = _ledger(user, transient)
    standing = None if transient.hidden else _standing(user, transient)
    prediction, fused = shown.current_prediction if shown else None, fused_answer(spectra)
    known = {row.group_id for rows in (spectra, ledger) for row in rows}
    of_transient, of_spectrum = KnownRedshift.of_transient(transient), KnownRedshift.of_spectrum(shown)
    return ReviewPage(
        transient=transient,
        blind=transient.hidden,
        filter=chosen,
        earlier=neighbours[0],
        later=neighbours[1],
        claimed_by_other=held,
        wanted=claims.is_wanted(transient),
        sky=SkyPlace.of_transient(transient),
        transient_redshift=of_transient or of_spectrum,
        spectrum_redshift=of_spectrum or of_transient,
        standing=standing,
        automatic=[] if transient.hidden else automatic_entries(user, transient, standing),
        round=_round(user, transient, standing, ledger),
        spectra=len(spectra),
        spectrum=shown,
        epochs=epoch_tabs(spectra, shown, fused),
        evolution=evolution(spectra, fused) if prediction else None,
        quality=_quality(shown),
        line_sets=line_sets(prediction),
        elements=ELEMENTS,
        network=network_answer(prediction, spectra, fused) if prediction else None,
        history=[] if transient.hidden else _history(shown),
        form=_form(prediction, ledger, typed or taken_back(user, ledger), locked=held is not None) if spectra else None,
        ledger=[] if transient.hidden else ledger_entries(user, ledger),
        comments=None if transient.hidden else comment_thread(user, transient, known, shown.group if shown else None),
        last_own=_last_own(user),
        has_light_curve=Photometry.objects.visible_to(user).filter(transient=transient).exists(),
    )


def _ledger(user: User, transient: Transient) -> list[Decision]:
    """Return the decisions that the user may see, the newest first."""
    rows = Decision.objects.visible_to(user).filter(transient=transient)
    return list(rows.select_related("reviewer", "supersedes"))


def _standing(user: User, transient: Transient) -> Classification | None:
    rows = Classification.objects.filter(transient=transient).visible_to(user).newest_first()
    return rows.select_related("decision__reviewer", "group").first()


def _quality(shown: Spectrum | None) -> Quality:
    """Measure the signal-to-noise ratio now: that takes less than a millisecond, so it is not stored."""
    arrays = SpectrumArrays.objects.filter(spectrum=shown).first() if shown else None
    if arrays is None:
        return Quality.measured(None, shown, has_errors=False)
    return Quality.measured(arrays.signal(), shown, has_errors=arrays.flux_error is not None)


def _history(shown: Spectrum | None) -> list[Prediction]:
    """Return all predictions for a spectrum, the newest first."""
    if shown is None:
        return []
    return list(Prediction.objects.filter(spectrum=shown).select_related("checkpoint").order_by("-id"))


def _form(
    prediction: Prediction | None, ledger: Sequence[Decision], typed: Mapping[str, Any], *, locked: bool
) -> DecisionFields:
    return DecisionFields(
        last_decision=max((decision.pk for decision in ledger), default=0),
        locked=locked,
        typed=typed,
        choices=class_choices(prediction),
        keyed=keyed_classes(prediction),
    )


def _round(
    user: User, transient: Transient, standing: Classification | None, ledger: Sequence[Decision]
) -> VotingRound:
    if standing is None or standing.state not in IN_ROUND:
        return VotingRound()
    outcome = current_outcome(transient, standing.group)
    counted = {vote.pk for vote in outcome.votes} if outcome else set()
    return VotingRound(
        state=standing.state,
        votes=tuple(decision for decision in ledger if decision.pk in counted),
        may_settle=second_opinion.settles(user, Verdict.OVERRIDE, outcome),
    )


def _last_own(user: User) -> Decision | None:
    """Return the user's last decision that was not undone, which the undo key takes back."""
    mine = Decision.objects.visible_to(user).filter(reviewer=user).in_force()
    return mine.select_related("transient").order_by("-id").first()


@login_required
@require_POST
def decide(request: HttpRequest, name: str) -> HttpResponse:
    """Record a verdict, then show the next transient of the queue as the user filtered it."""
    user = signed_in(request)
    transient = visible_transient(user, name)
    form = DecisionForm(request.POST)
    chosen = QueueFilter.read(request.GET)
    following = chosen.following(user, transient, demonstration_of(request).simulated)
    try:
        if no_days(request, *DAYS):
            raise InvalidDecisionError("the queue's filter cannot be read")
        if not form.is_valid():
            raise InvalidDecisionError(" ".join(str(text) for errors in form.errors.values() for text in errors))
        decision = decisions.record_decision(user, transient, form.proposal())
    except TriageError as error:
        messages.error(request, f"Not recorded: {error.detail}{'' if error.detail.endswith('?') else '.'}")
        # The verdict may have been refused because the transient has changed, and with it what the user may see.
        now = visible_transient(user, name)
        claim = claims.standing_claim(user, now)
        return _respond(request, user, now, claim, request.POST.get("spectrum"), request.POST.dict(), error.status)
    message = verdict_message(decision, transient)
    if missed := comments.reached_nobody(decision.comment, user, decision.group):
        message = f"{message}. {missed}"
    path = reverse("review", args=[following]) if following else reverse("queue")
    return _go_on(request, path + chosen.query, message, messages.SUCCESS, decision.pk)


@login_required
@require_POST
def undo(request: HttpRequest, decision_id: int) -> HttpResponse:
    """Take back one of the user's own decisions and show its transient again.

    Parameters: from, the address of the page on which the user was.
    """
    here = request.POST.get("from", "")
    try:
        row = decisions.undo(signed_in(request), decision_id)
    except TriageError as error:
        return _go_on(request, return_address(request, reverse("queue")), sentence(error.detail), messages.ERROR)
    address = reverse("review", args=[row.transient.name]) + QueueFilter.of_address(here).query
    return _go_on(request, address, f"{row.transient.name}: the decision was undone.", messages.INFO)


def _go_on(request: HttpRequest, address: str, message: str, level: int, decision: int | None = None) -> HttpResponse:
    """Send the browser to another page, which shows a message.

    address: next page.
    message: what was done.
    level: one of the levels of django.contrib.messages.
    decision: id of the decision that the message offers to undo, or None.

    The page's script gets all of this as JSON, because it may show the next review page already. It cannot show the
    queue, so there the message waits for the page as it does without a script.
    """
    undo_tag = f"undo:{decision}" if decision else ""
    if not wants_fragment(request) or address.split("?")[0] == reverse("queue"):
        messages.add_message(request, level, message, extra_tags=undo_tag)
        return JsonResponse({"next": address}) if wants_fragment(request) else redirect(address)
    answer = {"next": address, "message": message, "level": messages.DEFAULT_TAGS[level]}
    return JsonResponse(answer | {"undo": reverse("undo", args=[decision]) if decision else None})
