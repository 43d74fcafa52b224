"""Decisions: the one way to record a verdict, and to take it back.

The ledger is append-only. What stands for a transient, before each audience, follows from it: the last decision that
was not undone. ``Classification`` and ``Spectrum.rejected`` are projections of that, rebuilt here and nowhere else.
"""

from __future__ import annotations

import dataclasses
import difflib
import math

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from classifier.taxonomy import load_taxonomy
from triage.errors import (
    AlreadyUndoneError,
    InvalidDecisionError,
    NewerDecisionError,
    NotFoundError,
    NotYourDecisionError,
    StalePredictionError,
    UnknownClassError,
)
from triage.models import Classification, Decision, Prediction, Spectrum, Transient, Verdict
from triage.models.decision import VETTING


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A verdict as it comes from a page or the API, not yet checked.

    prediction: id of the one the reviewer saw. spectrum: id of the one that is bad, or was looked at. redshift: the
    reviewer's own; None leaves it open. blind: the prediction was hidden. last_decision: id of the newest decision the
    reviewer saw, 0 for none; None does not look.
    """

    verdict: str
    class_name: str = ""
    redshift: float | None = None
    comment: str = ""
    prediction: int | None = None
    spectrum: int | None = None
    blind: bool = False
    last_decision: int | None = None


def record_decision(user: User, transient: Transient, proposal: Proposal) -> Decision:
    """Check a proposal against what stands now and add it to the ledger.

    Raises NotFoundError, UnknownClassError, InvalidDecisionError, StalePredictionError where the prediction seen is
    no longer the current one, or NewerDecisionError where somebody else has decided since.
    """
    with transaction.atomic():
        # Decisions on one transient are taken one after the other.
        Transient.objects.select_for_update().get(pk=transient.pk)
        spectra = list(
            Spectrum.objects.filter(transient=transient)
            .visible_to(user)
            .select_related("current_prediction__checkpoint", "group")
        )
        spectrum, prediction = _evidence(spectra, proposal)
        class_name = _class_name(proposal, prediction)
        _check(proposal, spectra)
        _check_nobody_was_faster(user, transient, proposal)
        group = spectrum.group if spectrum else _only_group(spectra)
        decision = Decision(
            transient=transient,
            group=group,
            reviewer=user,
            verdict=proposal.verdict,
            class_name=class_name,
            redshift=proposal.redshift,
            comment=proposal.comment.strip(),
            prediction=prediction,
            spectrum=spectrum,
            prediction_seen=_summary(prediction) | _known_redshift(transient, spectrum),
            # A row names no spectrum that its readers may not know of.
            spectra_seen=[seen.pk for seen in spectra if seen.group_id is None or seen.group == group],
            blind=proposal.blind,
            supersedes=_standing(transient, group),
        )
        decision.save()
        _project(transient, group)
    return decision


def undo(user: User, decision_id: int) -> Decision:
    """Take back one's own decision; what stood before stands again. Returns the new row.

    Raises NotFoundError, NotYourDecisionError or AlreadyUndoneError."""
    with transaction.atomic():
        found = Decision.objects.visible_to(user).filter(pk=decision_id).first()
        if found is None:
            raise NotFoundError("there is no such decision")
        Transient.objects.select_for_update().get(pk=found.transient_id)
        if found.reviewer_id != user.pk:
            raise NotYourDecisionError("only the reviewer who took a decision can undo it")
        if found.verdict == Verdict.UNDO:
            raise InvalidDecisionError("an undo cannot be undone; decide again")
        if Decision.objects.filter(verdict=Verdict.UNDO, supersedes=found).exists():
            raise AlreadyUndoneError("this decision was undone before")
        row = Decision(
            transient=found.transient,
            group=found.group,
            reviewer=user,
            verdict=Verdict.UNDO,
            supersedes=found,
            spectrum=found.spectrum,
        )
        row.save()
        _project(found.transient, found.group)
    return row


def _evidence(spectra: list[Spectrum], proposal: Proposal) -> tuple[Spectrum | None, Prediction | None]:
    """The spectrum and the prediction that the decision rests on."""
    if not spectra:
        raise NotFoundError("there is no such transient, or no spectrum of it")
    spectrum = next((s for s in spectra if s.pk == proposal.spectrum), None)
    if proposal.spectrum is not None and spectrum is None:
        raise InvalidDecisionError(f"spectrum {proposal.spectrum} is not one of this transient")
    if proposal.prediction is not None:
        return _seen(spectra, spectrum, proposal.prediction)
    if spectrum is None:
        spectrum = _surest(spectra)
    return spectrum, spectrum.current_prediction if spectrum else None


def _seen(
    spectra: list[Spectrum], spectrum: Spectrum | None, prediction_id: int
) -> tuple[Spectrum | None, Prediction | None]:
    owner = next((s for s in spectra if s.current_prediction_id == prediction_id), None)
    if owner is None:
        if Prediction.objects.filter(pk=prediction_id, spectrum__in=spectra).exists():
            raise StalePredictionError("there is a newer prediction than the one you saw; look again")
        raise InvalidDecisionError(f"prediction {prediction_id} is not one of this transient")
    if spectrum is not None and spectrum.pk != owner.pk:
        raise InvalidDecisionError(f"prediction {prediction_id} is of another spectrum than {spectrum.pk}")
    return owner, owner.current_prediction


def _surest(spectra: list[Spectrum]) -> Spectrum | None:
    """The spectrum whose prediction stands for the transient; see TransientQuerySet.with_current_prediction."""
    ranked = [(s.current_prediction.uncertainty, -s.pk, s) for s in spectra if s.current_prediction and not s.rejected]
    return min(ranked)[2] if ranked else None


def _only_group(spectra: list[Spectrum]) -> Group | None:
    """The audience where no spectrum has a prediction: the public, unless everything seen is private."""
    groups = {s.group for s in spectra}
    if None in groups:
        return None
    if len(groups) > 1:
        raise InvalidDecisionError("say on which spectrum the decision rests: they belong to several groups")
    return groups.pop()


def _class_name(proposal: Proposal, prediction: Prediction | None) -> str:
    if proposal.verdict not in VETTING:
        return ""
    if proposal.class_name:
        found = load_taxonomy().find(proposal.class_name)
        if found is None:
            raise UnknownClassError(_unknown(proposal.class_name))
        name = found.name
    else:
        name = ""
    if proposal.verdict == Verdict.OVERRIDE:
        if not name:
            raise InvalidDecisionError("an override names the class")
        return name
    if prediction is None:
        raise InvalidDecisionError("there is no prediction to confirm")
    if name and name != prediction.class_name:
        raise InvalidDecisionError(f"the prediction is {prediction.class_name}; another class is an override")
    return prediction.class_name


def _unknown(class_name: str) -> str:
    names = {entry.name.casefold(): entry.name for entry in load_taxonomy().classes}
    near = difflib.get_close_matches(class_name.casefold(), names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(names[name] for name in near)}?" if near else ""
    return f"“{class_name}” is not a class of the taxonomy{hint}"


def _check(proposal: Proposal, spectra: list[Spectrum]) -> None:
    if proposal.verdict not in set(Verdict.values) - {Verdict.UNDO}:
        raise InvalidDecisionError("a verdict is confirm, override, unsure or bad_spectrum")
    redshift = proposal.redshift
    if redshift is not None and not (math.isfinite(redshift) and -0.1 < redshift < 10):
        raise InvalidDecisionError("a redshift must lie between -0.1 and 10")
    if any(not c.isprintable() and c not in "\n\r\t" for c in proposal.comment):
        raise InvalidDecisionError("a comment may not hold control characters")
    if len(proposal.comment) > 4000:
        raise InvalidDecisionError("a comment may have 4000 characters")
    if proposal.verdict == Verdict.BAD_SPECTRUM and proposal.spectrum is None and len(spectra) > 1:
        raise InvalidDecisionError("say which spectrum is bad: this transient has several")


def _check_nobody_was_faster(user: User, transient: Transient, proposal: Proposal) -> None:
    if proposal.last_decision is None:
        return
    since = Decision.objects.visible_to(user).filter(transient=transient, pk__gt=proposal.last_decision)
    other = since.exclude(reviewer=user).select_related("reviewer").order_by("-id").first()
    if other is not None:
        said = f"{other.get_verdict_display()} {other.class_name}".strip()
        raise NewerDecisionError(
            f"{other.reviewer.get_username()} decided while you looked ({said}); look again, then decide"
        )


def _summary(prediction: Prediction | None) -> dict[str, object]:
    if prediction is None:
        return {}
    return {
        "id": prediction.pk,
        "class_name": prediction.class_name,
        "probability": round(prediction.probability, 6),
        "redshift": prediction.redshift,
        "redshift_error": prediction.redshift_error,
        "redshift_used": prediction.redshift_used,
        "novelty": prediction.novelty,
        "checkpoint": prediction.checkpoint.hash,
    }


def _known_redshift(transient: Transient, spectrum: Spectrum | None) -> dict[str, object]:
    """The redshift known when the decision was taken, and whence; empty if unknown."""
    if spectrum is not None and spectrum.stated_redshift is not None:
        return {"known_redshift": spectrum.stated_redshift, "known_redshift_origin": "upload"}
    if transient.redshift is not None:
        origin = transient.redshift_origin or "catalogue"
        return {"known_redshift": transient.redshift, "known_redshift_origin": origin}
    return {}


def _not_undone(transient: Transient) -> QuerySet[Decision]:
    """A transient's decisions, newest first, without those undone and the undoings."""
    undone = Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk"))
    rows: QuerySet[Decision] = Decision.objects.filter(transient=transient).exclude(verdict=Verdict.UNDO)
    return rows.filter(~Exists(undone)).order_by("-id")


def _standing(transient: Transient, group: Group | None) -> Decision | None:
    """The last decision before this audience. Calling one spectrum bad leaves a decision standing that rests on
    another; it takes the place of one that rests on the same, or of none."""
    bad: Decision | None = None
    bad_spectra = set()
    for decision in _not_undone(transient).filter(group=group):
        if decision.verdict == Verdict.BAD_SPECTRUM:
            bad = bad or decision
            bad_spectra.add(decision.spectrum_id)
        elif decision.spectrum_id in bad_spectra:
            return bad
        else:
            return decision
    return bad


def _project(transient: Transient, group: Group | None) -> None:
    """Rebuild what follows from the ledger for one transient and audience."""
    standing = _standing(transient, group)
    mine = Classification.objects.filter(transient=transient, group=group)
    if standing is None:
        mine.delete()
    elif not mine.filter(decision=standing).exists():
        mine.delete()
        Classification.objects.create(
            transient=transient,
            group=group,
            decision=standing,
            vetted=standing.verdict in VETTING,
            decided_at=standing.created_at,
        )
    # Of each spectrum the last word counts: a later verdict that rests on it takes it back into use.
    last_word: dict[int, str] = {}
    for spectrum_id, verdict in _not_undone(transient).exclude(spectrum=None).values_list("spectrum_id", "verdict"):
        last_word.setdefault(spectrum_id, verdict)
    rejected = {spectrum_id for spectrum_id, verdict in last_word.items() if verdict == Verdict.BAD_SPECTRUM}
    spectra = Spectrum.objects.filter(transient=transient)
    spectra.filter(pk__in=rejected, rejected=False).update(rejected=True)
    spectra.exclude(pk__in=rejected).filter(rejected=True).update(rejected=False)
