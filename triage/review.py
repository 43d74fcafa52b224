"""Decisions: the one way to record a verdict, and to take it back.

The ledger is append-only. What stands for a transient, before each audience, follows from it; see triage.standing.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import uuid

from django.contrib.auth.models import Group, User
from django.db import transaction

from classifier.taxonomy import load_taxonomy
from triage import claims, notifications, repeats, second_opinion
from triage.errors import (
    AlreadyUndoneError,
    InvalidDecisionError,
    NewerDecisionError,
    NotFoundError,
    NotYourDecisionError,
    StalePredictionError,
    UnknownClassError,
)
from triage.models import Decision, Prediction, Spectrum, Transient, Verdict
from triage.models.decision import VETTING
from triage.standing import Outcome, project, standing
from triage.value import GOOD_MATCH


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A verdict as it comes from a page or the API, not yet checked.

    prediction: id of the one the reviewer saw. spectrum: id of the one that is bad, or was looked at. redshift: the
    reviewer's own; None leaves it open. blind: the reviewer says that the prediction was hidden; where the desk hid it,
    that counts. last_decision: id of the newest decision the reviewer saw, 0 for none; None does not look. batch: of
    decisions taken together.
    """

    verdict: str
    class_name: str = ""
    redshift: float | None = None
    comment: str = ""
    prediction: int | None = None
    spectrum: int | None = None
    blind: bool = False
    last_decision: int | None = None
    batch: uuid.UUID | None = None


def record_decision(user: User, transient: Transient, proposal: Proposal) -> Decision:
    """Check a proposal against what stands now and add it to the ledger.

    Raises NotFoundError, UnknownClassError, InvalidDecisionError, StalePredictionError where the prediction seen is
    no longer the current one, NewerDecisionError where somebody else has decided since, or ClaimedError.
    """
    with transaction.atomic():
        # Decisions on one transient are taken one after the other.
        Transient.objects.select_for_update().get(pk=transient.pk)
        proposal = repeats.confirmed_before(user, transient, proposal)
        if (again := repeats.sent_before(user, transient, proposal)) is not None:
            return again
        spectra = list(
            Spectrum.objects.filter(transient=transient)
            .visible_to(user)
            .select_related("current_prediction__checkpoint", "group")
        )
        spectrum, prediction = _evidence(spectra, proposal)
        hidden = second_opinion.is_hidden(user, transient)
        _check(proposal, spectra)
        claims.check(user, transient)
        _check_nobody_was_faster(user, transient, proposal, hidden)
        class_name = _class_name(proposal, prediction, hidden)
        group = spectrum.group if spectrum else _only_group(spectra)
        before = standing(transient, group)
        blind = hidden and not _has_looked(user, before)
        decision = Decision(
            transient=transient,
            group=group,
            reviewer=user,
            verdict=_verdict(proposal, class_name, prediction, hidden),
            class_name=class_name,
            redshift=proposal.redshift,
            comment=proposal.comment.strip(),
            prediction=prediction,
            spectrum=spectrum,
            prediction_seen=_summary(prediction) | _known_redshift(transient, spectrum),
            # A row names no spectrum and no decision that its readers may not know of.
            spectra_seen=[seen.pk for seen in spectra if seen.group_id is None or seen.group == group],
            decisions_seen=[] if blind else _decisions_seen(user, transient, group),
            blind=proposal.blind or blind,
            needs_second=second_opinion.needs_second(group, proposal.verdict, class_name, prediction),
            settles=second_opinion.settles(user, proposal.verdict, before),
            batch=proposal.batch,
            supersedes=before.decision if before else None,
        )
        decision.save()
        notifications.tell_of_round(decision)
        claims.release(user, transient)
        project(transient, group)
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
        project(found.transient, found.group)
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


def _class_name(proposal: Proposal, prediction: Prediction | None, hidden: bool) -> str:
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
    if hidden:
        raise InvalidDecisionError("the prediction is hidden until your own vote is in; name the class")
    if prediction is None:
        raise InvalidDecisionError("there is no prediction to confirm")
    if name and name != prediction.class_name:
        raise InvalidDecisionError(f"the prediction is {prediction.class_name}; another class is an override")
    return prediction.class_name


def _verdict(proposal: Proposal, class_name: str, prediction: Prediction | None, hidden: bool) -> str:
    """A blind vote names its class; where that is what the network said it confirms."""
    agrees = hidden and prediction is not None and class_name == prediction.class_name
    return Verdict.CONFIRM if agrees else proposal.verdict


def _has_looked(user: User, before: Outcome | None) -> bool:
    """Whether the user has voted in the open round and undone that, and so saw what is hidden again now."""
    if before is None or not before.votes:
        return False
    first = before.votes[0]
    since = Decision.objects.filter(transient=first.transient_id, group=first.group_id, pk__gt=first.pk)
    found: bool = since.filter(reviewer=user, verdict__in=VETTING).exists()
    return found


def _decisions_seen(user: User, transient: Transient, group: Group | None) -> list[int]:
    """Ids of the ledger's rows that were before the reviewer, of those that the new row's readers may know."""
    rows = Decision.objects.visible_to(user).filter(transient=transient).order_by("id")
    return [pk for pk, owner in rows.values_list("pk", "group") if owner is None or (group and owner == group.pk)]


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
        "template": _template(prediction),
        "novelty": prediction.novelty,
        "checkpoint": prediction.checkpoint.hash,
    }


def _template(prediction: Prediction) -> dict[str, object] | None:
    """Class and redshift of a template match that is rarely chance."""
    match = prediction.crosscheck or {}
    if match.get("score", 0) < GOOD_MATCH:
        return None
    return {"class_name": match["class"], "redshift": match["redshift"]}


def _known_redshift(transient: Transient, spectrum: Spectrum | None) -> dict[str, object]:
    """The redshift known when the decision was taken, and whence; empty if unknown."""
    if spectrum is not None and spectrum.stated_redshift is not None:
        return {"known_redshift": spectrum.stated_redshift, "known_redshift_origin": "upload"}
    if transient.redshift is not None:
        origin = transient.redshift_origin or "catalogue"
        known = {"known_redshift": transient.redshift, "known_redshift_origin": origin}
        return known | {"known_redshift_error": transient.redshift_error}
    return {}
