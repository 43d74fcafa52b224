"""Outcome of a transient's review, for one audience: derived from the ledger here and nowhere else.

If no policy asks for two reviewers, the last decision stands. A decision that needs a second opinion opens a round. If
a second reviewer votes for the same, the transient is done. If they vote for something else, it is disputed. A third
person or staff settles a dispute; so does a voter who changes their vote to the other's.

"Unsure" is not a vote: in a round it changes nothing. Outside a round it moves the transient from the queue to the list
of unsure ones.

``Classification`` and ``Spectrum.rejected`` store what follows from the outcome, and can be rebuilt at any time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.contrib.auth.models import Group

from triage.models import Classification, Decision, OutcomeState, Spectrum, Transient, Verdict
from triage.models.decision import VETTING
from triage.queue import entries
from triage.review.changes import note_change

IN_ROUND = (OutcomeState.SECOND_OPINION, OutcomeState.DISPUTED)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Outcome of a transient's review.

    decision: the decision that stands, or the newest vote while a round is open.
    state: state that follows from it.
    votes: last vote of each voter of a round; empty if one decision was enough.
    """

    decision: Decision
    state: OutcomeState
    votes: tuple[Decision, ...] = ()

    @property
    def voters(self) -> set[int]:
        return {vote.reviewer_id for vote in self.votes}


def outcome_of(ledger: Sequence[Decision]) -> Outcome | None:
    """Return the outcome of an audience's decisions, or None if there are none.

    ledger: decisions in force, the oldest first: without the undone ones and the undoings.
    """
    outcome: Outcome | None = None
    for number, decision in enumerate(ledger):
        if outcome is not None and outcome.state in IN_ROUND:
            outcome = _after_one_more(outcome, decision)
        elif _opens_round(outcome, decision):
            outcome = Outcome(decision, OutcomeState.SECOND_OPINION, (decision,))
        else:
            outcome = _last_decision(ledger[: number + 1])
    return outcome


def current_outcome(transient: Transient, group: Group | None) -> Outcome | None:
    """Return the outcome for one audience now, or None without a decision.

    group: the audience; None for everybody who is signed in.
    """
    return outcome_of(_ledger(transient, group))


def store_outcome(transient: Transient, group: Group | None) -> None:
    """Rebuild everything that follows from the ledger of one transient and audience.

    These are the classification, the rejected spectra, the queue entries and the sequence of changes.

    group: the audience; None for everybody who is signed in.
    """
    ledger = _ledger(transient, group)
    outcome = outcome_of(ledger)
    before = _replace_classification(transient, group, outcome)
    _store_rejected(transient, group, ledger, outcome)
    entries.refresh(transient.pk)
    after = outcome.decision if outcome and outcome.state == OutcomeState.DONE else None
    note_change(transient, group, before, after)


def _replace_classification(transient: Transient, group: Group | None, outcome: Outcome | None) -> Decision | None:
    """Replace the stored classification; return the decision that was vetted before, or None."""
    mine = Classification.objects.filter(transient=transient, group=group)
    earlier = mine.filter(vetted=True).select_related("decision").first()
    mine.delete()
    if outcome is not None:
        row = Classification.objects.create(
            transient=transient,
            group=group,
            decision=outcome.decision,
            state=outcome.state,
            vetted=outcome.state == OutcomeState.DONE,
            decided_at=outcome.decision.created_at,
        )
        if outcome.votes:
            row.voters.set(outcome.voters)
    return earlier.decision if earlier else None


def _store_rejected(
    transient: Transient, group: Group | None, ledger: Sequence[Decision], outcome: Outcome | None
) -> None:
    """Mark the spectra that were called bad as rejected, and all others as usable.

    The last verdict on a spectrum counts: a later decision that rests on it takes it back into use. Disputed votes do
    not count yet.
    """
    disputed = {vote.pk for vote in outcome.votes} if outcome and outcome.state == OutcomeState.DISPUTED else set()
    last_verdicts = {d.spectrum_id: d.verdict for d in ledger if d.spectrum_id is not None and d.pk not in disputed}
    rejected = {spectrum_id for spectrum_id, verdict in last_verdicts.items() if verdict == Verdict.BAD_SPECTRUM}
    spectra = Spectrum.objects.filter(transient=transient, group=group)
    spectra.filter(pk__in=rejected, rejected=False).update(rejected=True)
    spectra.exclude(pk__in=rejected).filter(rejected=True).update(rejected=False)


def says_the_same(one: Decision, other: Decision) -> bool:
    """Return whether two decisions name the same class, or call the same spectrum bad."""
    if one.verdict in VETTING:
        return other.verdict in VETTING and one.class_name == other.class_name
    return one.verdict == other.verdict == Verdict.BAD_SPECTRUM and one.spectrum_id == other.spectrum_id


def is_vote(round_: Outcome, decision: Decision) -> bool:
    """Return whether a decision is a vote in an open round.

    A vote names a class, or calls a spectrum bad that the round's votes rest on.
    """
    if decision.verdict == Verdict.BAD_SPECTRUM:
        return decision.spectrum_id in {vote.spectrum_id for vote in round_.votes}
    return decision.verdict in VETTING


def _opens_round(before: Outcome | None, decision: Decision) -> bool:
    if not decision.needs_second or decision.settles:
        return False
    return before is None or before.state != OutcomeState.DONE or not says_the_same(before.decision, decision)


def _after_one_more(round_: Outcome, decision: Decision) -> Outcome:
    """Return the outcome of an open round after one more decision."""
    if not is_vote(round_, decision):
        return round_
    votes = (*(vote for vote in round_.votes if vote.reviewer_id != decision.reviewer_id), decision)
    if decision.settles:
        return Outcome(decision, _settled_state(decision), votes)
    if len(votes) == 1 and not decision.needs_second:
        return Outcome(decision, _settled_state(decision))
    if len(votes) == 1:
        return Outcome(decision, OutcomeState.SECOND_OPINION, votes)
    if all(says_the_same(decision, vote) for vote in votes):
        return Outcome(decision, _settled_state(decision), votes)
    return Outcome(decision, OutcomeState.DISPUTED, votes)


def _settled_state(decision: Decision) -> OutcomeState:
    """Return the state of a transient whose review ends with this decision."""
    if decision.verdict in VETTING:
        return OutcomeState.DONE
    return OutcomeState.UNSURE if decision.verdict == Verdict.UNSURE else OutcomeState.BAD_SPECTRUM


def _last_decision(ledger: Sequence[Decision]) -> Outcome:
    """Return the outcome outside a round: the last decision stands.

    A decision that calls one spectrum bad replaces a decision that rests on the same spectrum. A decision that rests on
    another spectrum goes on standing.
    """
    newest_bad: Decision | None = None
    bad_spectra = set()
    for decision in reversed(ledger):
        if decision.verdict == Verdict.BAD_SPECTRUM:
            newest_bad = newest_bad or decision
            bad_spectra.add(decision.spectrum_id)
        elif decision.spectrum_id not in bad_spectra:
            return Outcome(decision, _settled_state(decision))
        else:
            break
    return Outcome(newest_bad or ledger[-1], OutcomeState.BAD_SPECTRUM)


def _ledger(transient: Transient, group: Group | None) -> list[Decision]:
    return list(Decision.objects.filter(transient=transient, group=group).in_force().order_by("id"))
