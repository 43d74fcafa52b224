"""Decisions: the one way to record a verdict, and the one way to undo it.

The ledger is append-only. triage.review.outcome derives from it which classification stands for each audience.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import transaction

from classifier.spectrum import PLAUSIBLE_REDSHIFTS, is_plausible_redshift
from triage.doorbell import SEND_NOTIFICATIONS, ring_after_commit
from triage.errors import (
    AlreadyUndoneError,
    InvalidDecisionError,
    NewerDecisionError,
    NotFoundError,
    NotYourDecisionError,
    StalePredictionError,
)
from triage.models import Brightness, Decision, Prediction, Spectrum, Transient, Verdict
from triage.models.decision import VETTING
from triage.review import claims, comments, free_text, resent, second_opinion, seen
from triage.review.known_class import known_class
from triage.review.outcome import Outcome, current_outcome, store_outcome
from triage.review.proposal import Proposal


def record_decision(user: User, transient: Transient, proposal: Proposal) -> Decision:
    """Check a proposal against the present state of the transient and add it to the ledger.

    user: the reviewer.
    proposal: the verdict as it was sent.

    Returns the new decision, or the earlier one if the same proposal was recorded before or nothing has happened since
    the reviewer decided the same.

    Raises NotFoundError if the user may see no spectrum of the transient, UnknownClassError if the class is not in the
    taxonomy, InvalidDecisionError if the proposal contradicts itself, StalePredictionError if there is a newer
    prediction than the one the reviewer saw, NewerDecisionError if somebody else has decided since, and ClaimedError if
    somebody else is looking at the transient.
    """
    with transaction.atomic():
        # With this lock, decisions on one transient are recorded one after the other.
        Transient.objects.select_for_update().get(pk=transient.pk)
        proposal = resent.confirmed_before(user, transient, proposal)
        if (first := resent.sent_before(user, transient, proposal)) is not None:
            return first
        spectra = list(
            Spectrum.objects.filter(transient=transient)
            .visible_to(user)
            .select_related("current_prediction__checkpoint", "current_prediction__named_matches", "group")
            .prefetch_related(Brightness.objects.for_reader(user, "current_prediction__"))
        )
        spectrum, prediction = _basis(spectra, proposal)
        hidden = second_opinion.is_hidden(user, transient)
        _check(proposal, spectra)
        claims.check(user, transient)
        _check_nobody_was_faster(user, transient, proposal, hidden)
        decision = _decision(user, transient, proposal, spectra, spectrum, prediction, hidden)
        claims.release(user, transient)
        if (first := resent.repeated(decision)) is not None:
            return first
        decision.save()
        store_outcome(transient, decision.group)
        comments.tell_mentioned(decision)
        ring_after_commit(SEND_NOTIFICATIONS)
    return decision


def _decision(
    user: User,
    transient: Transient,
    proposal: Proposal,
    spectra: list[Spectrum],
    spectrum: Spectrum | None,
    prediction: Prediction | None,
    hidden: bool,
) -> Decision:
    """Return the row of the ledger, not yet saved, for a checked proposal.

    spectra: all spectra of the transient that the user may see.
    spectrum, prediction: what the decision rests on.
    hidden: whether the desk hides the prediction from the user.
    """
    class_name = _class_name(proposal, prediction, hidden)
    group = spectrum.group if spectrum else _only_group(spectra)
    before = current_outcome(transient, group)
    blind = hidden and not _has_looked(user, before)
    return Decision(
        transient=transient,
        group=group,
        reviewer=user,
        verdict=_verdict(proposal, class_name, prediction, hidden),
        class_name=class_name,
        redshift=proposal.redshift,
        comment=proposal.comment.strip(),
        prediction=prediction,
        spectrum=spectrum,
        prediction_seen=seen.summary(prediction, group) | seen.known_redshift(transient, spectrum),
        # A row names no spectrum and no decision that its readers may not know of.
        spectra_seen=[each.pk for each in spectra if each.group_id is None or each.group == group],
        decisions_seen=[] if blind else _decisions_seen(user, transient, group),
        blind=proposal.blind or blind,
        needs_second=second_opinion.needs_second(group, proposal.verdict, class_name, prediction),
        settles=second_opinion.settles(user, proposal.verdict, before),
        joins=Decision.objects.filter(transient=transient).exclude(reviewer=user).exists(),
        batch=proposal.batch,
        supersedes=before.decision if before else None,
    )


def undo(user: User, decision_id: int) -> Decision:
    """Undo one's own decision and return the new row. The decision that stood before stands again.

    Raises NotFoundError if the user may see no such decision, NotYourDecisionError if it is somebody else's,
    InvalidDecisionError if it is an undo itself, and AlreadyUndoneError.
    """
    with transaction.atomic():
        decision = Decision.objects.visible_to(user).filter(pk=decision_id).first()
        if decision is None:
            raise NotFoundError("there is no such decision")
        Transient.objects.select_for_update().get(pk=decision.transient_id)
        if decision.reviewer_id != user.pk:
            raise NotYourDecisionError("only the reviewer who took a decision can undo it")
        if decision.verdict == Verdict.UNDO:
            raise InvalidDecisionError("an undo cannot be undone; decide again")
        if Decision.objects.filter(verdict=Verdict.UNDO, supersedes=decision).exists():
            raise AlreadyUndoneError("this decision was undone before")
        row = Decision(
            transient=decision.transient,
            group=decision.group,
            reviewer=user,
            verdict=Verdict.UNDO,
            supersedes=decision,
            spectrum=decision.spectrum,
        )
        row.save()
        store_outcome(decision.transient, decision.group)
    return row


def _basis(spectra: list[Spectrum], proposal: Proposal) -> tuple[Spectrum | None, Prediction | None]:
    """Return the spectrum and the prediction that the decision rests on."""
    if not spectra:
        raise NotFoundError("there is no such transient, or no spectrum of it")
    spectrum = next((s for s in spectra if s.pk == proposal.spectrum), None)
    if proposal.spectrum is not None and spectrum is None:
        raise InvalidDecisionError(f"spectrum {proposal.spectrum} is not one of this transient")
    if proposal.prediction is not None:
        return _basis_of_prediction(spectra, spectrum, proposal.prediction)
    if spectrum is None:
        # The only spectrum may have been called bad before.
        again = proposal.verdict == Verdict.BAD_SPECTRUM and len(spectra) == 1 and spectra[0].rejected
        spectrum = spectra[0] if again else _surest(spectra)
    return spectrum, spectrum.current_prediction if spectrum else None


def _basis_of_prediction(
    spectra: list[Spectrum], spectrum: Spectrum | None, prediction_id: int
) -> tuple[Spectrum | None, Prediction | None]:
    """Return the basis of a decision whose sender says which prediction they saw."""
    owner = next((s for s in spectra if s.current_prediction_id == prediction_id), None)
    if owner is None:
        if Prediction.objects.filter(pk=prediction_id, spectrum__in=spectra).exists():
            raise StalePredictionError("there is a newer prediction than the one you saw; look again")
        raise InvalidDecisionError(f"prediction {prediction_id} is not one of this transient")
    if spectrum is not None and spectrum.pk != owner.pk:
        raise InvalidDecisionError(f"prediction {prediction_id} is of another spectrum than {spectrum.pk}")
    return owner, owner.current_prediction


def _surest(spectra: list[Spectrum]) -> Spectrum | None:
    """Return the spectrum whose prediction stands for the transient; see TransientQuerySet.with_current_prediction."""
    known = {s.pk for s in spectra if s.current_prediction}
    own = [s for s in spectra if not s.rejected and s.likely_duplicate_of_id not in known]
    ranked = [(s.current_prediction.uncertainty, -s.pk, s) for s in own if s.current_prediction]
    return min(ranked)[2] if ranked else None


def _only_group(spectra: list[Spectrum]) -> Group | None:
    """Return the audience of a decision that rests on no spectrum: everybody, unless all spectra are private."""
    groups = {s.group for s in spectra}
    if None in groups:
        return None
    if len(groups) > 1:
        raise InvalidDecisionError("say on which spectrum the decision rests: they belong to several groups")
    return groups.pop()


def _class_name(proposal: Proposal, prediction: Prediction | None, hidden: bool) -> str:
    if proposal.verdict not in VETTING:
        return ""
    name = known_class(proposal.class_name) if proposal.class_name else ""
    if proposal.verdict == Verdict.OVERRIDE:
        if not name:
            raise InvalidDecisionError("an override names the class")
        return name
    if hidden:
        raise InvalidDecisionError("the prediction is hidden until your own vote is in; name the class")
    if prediction is None:
        raise InvalidDecisionError("there is no prediction to confirm")
    if name and name != prediction.class_name:
        raise InvalidDecisionError(f"the prediction is {prediction.class_name}; another class is an override")
    return prediction.class_name


def _verdict(proposal: Proposal, class_name: str, prediction: Prediction | None, hidden: bool) -> str:
    """Return the verdict to record. A blind vote that names the predicted class is a confirmation."""
    agrees = hidden and prediction is not None and class_name == prediction.class_name
    return Verdict.CONFIRM if agrees else proposal.verdict


def _has_looked(user: User, before: Outcome | None) -> bool:
    """Return whether the user has seen the hidden prediction, because they voted in the open round and undid it."""
    if before is None or not before.votes:
        return False
    first = before.votes[0]
    since = Decision.objects.filter(transient=first.transient_id, group=first.group_id, pk__gt=first.pk)
    found: bool = since.filter(reviewer=user, verdict__in=VETTING).exists()
    return found


def _decisions_seen(user: User, transient: Transient, group: Group | None) -> list[int]:
    """Return the ids of the decisions that the reviewer saw, without those that the new row's readers may not see."""
    rows = Decision.objects.visible_to(user).filter(transient=transient).order_by("id")
    return [pk for pk, owner in rows.values_list("pk", "group") if owner is None or (group and owner == group.pk)]


def _check(proposal: Proposal, spectra: list[Spectrum]) -> None:
    if proposal.verdict not in set(Verdict.values) - {Verdict.UNDO}:
        raise InvalidDecisionError("a verdict is confirm, override, unsure or bad_spectrum")
    redshift = proposal.redshift
    if redshift is not None and not is_plausible_redshift(redshift):
        raise InvalidDecisionError(f"a redshift must lie {PLAUSIBLE_REDSHIFTS}")
    if fault := free_text.fault_of(proposal.comment):
        raise InvalidDecisionError(fault)
    if proposal.verdict == Verdict.BAD_SPECTRUM and proposal.spectrum is None and len(spectra) > 1:
        raise InvalidDecisionError("say which spectrum is bad: this transient has several")


def _check_nobody_was_faster(user: User, transient: Transient, proposal: Proposal, hidden: bool) -> None:
    if proposal.last_decision is None:
        return
    since = Decision.objects.visible_to(user).filter(transient=transient, pk__gt=proposal.last_decision)
    other = since.exclude(reviewer=user).select_related("reviewer").order_by("-id").first()
    if other is None:
        return
    if hidden:
        raise NewerDecisionError(
            "somebody decided while you looked, and a second opinion is wanted; look again, then vote"
        )
    raise NewerDecisionError(
        f"{other.reviewer.get_username()} decided while you looked ({other}); look again, then decide"
    )
