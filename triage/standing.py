"""What stands for a transient before one audience, derived from the ledger here and nowhere else.

Where no policy asked for two, the last word stands. A decision that wanted a second opinion opens a round: a second
reviewer's vote for the same makes it done, another one makes a dispute, which a third person or staff settles (or a
voter, by coming round). Unsure is no vote: it neither agrees nor disputes, and outside a round it takes a transient out
of the queue to those who look for it. ``Classification`` and ``Spectrum.rejected`` are projections of that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef

from triage import queue_entries
from triage.changes import note_change
from triage.models import Classification, Decision, Spectrum, Standing, Transient, Verdict
from triage.models.decision import VETTING

OPEN = (Standing.SECOND_OPINION, Standing.DISPUTED)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """decision: the one that stands, or while votes are counted the newest vote. votes: each voter's last, of a round;
    empty where one word was enough."""

    decision: Decision
    state: Standing
    votes: tuple[Decision, ...] = ()

    @property
    def voters(self) -> set[int]:
        return {vote.reviewer_id for vote in self.votes}


def outcome(ledger: Sequence[Decision]) -> Outcome | None:
    """ledger: an audience's decisions, the oldest first, without those undone and the undoings."""
    found: Outcome | None = None
    for number, decision in enumerate(ledger):
        if found is not None and found.state in OPEN:
            found = _count(found, decision)
        elif _opens(found, decision):
            found = Outcome(decision, Standing.SECOND_OPINION, (decision,))
        else:
            found = _last_word(ledger[: number + 1])
    return found


def standing(transient: Transient, group: Group | None) -> Outcome | None:
    """What stands now before this audience."""
    return outcome(_ledger(transient, group))


def project(transient: Transient, group: Group | None) -> None:
    """Rebuild what follows from the ledger for one transient and audience."""
    ledger = _ledger(transient, group)
    found = outcome(ledger)
    mine = Classification.objects.filter(transient=transient, group=group)
    earlier = mine.filter(vetted=True).select_related("decision").first()
    mine.delete()
    if found is not None:
        row = Classification.objects.create(
            transient=transient,
            group=group,
            decision=found.decision,
            state=found.state,
            vetted=found.state == Standing.DONE,
            decided_at=found.decision.created_at,
        )
        if found.votes:
            row.voters.set(found.voters)
    # Of each spectrum the last word counts: a later verdict that rests on it takes it back into use. What is disputed
    # is not said yet.
    disputed = {vote.pk for vote in found.votes} if found and found.state == Standing.DISPUTED else set()
    last_word = {d.spectrum_id: d.verdict for d in ledger if d.spectrum_id is not None and d.pk not in disputed}
    rejected = {spectrum_id for spectrum_id, verdict in last_word.items() if verdict == Verdict.BAD_SPECTRUM}
    spectra = Spectrum.objects.filter(transient=transient, group=group)
    spectra.filter(pk__in=rejected, rejected=False).update(rejected=True)
    spectra.exclude(pk__in=rejected).filter(rejected=True).update(rejected=False)
    queue_entries.refresh(transient.pk)
    vetted = found.decision if found and found.state == Standing.DONE else None
    note_change(transient, group, earlier.decision if earlier else None, vetted)


def same_claim(one: Decision, other: Decision) -> bool:
    """They say the same: one class, or that one spectrum is bad."""
    if one.verdict in VETTING:
        return other.verdict in VETTING and one.class_name == other.class_name
    return one.verdict == other.verdict == Verdict.BAD_SPECTRUM and one.spectrum_id == other.spectrum_id


def decides(found: Outcome, decision: Decision) -> bool:
    """Whether it is a vote on what the round is about: a class, or that the spectrum voted on is bad."""
    if decision.verdict == Verdict.BAD_SPECTRUM:
        return decision.spectrum_id in {vote.spectrum_id for vote in found.votes}
    return decision.verdict in VETTING


def _opens(found: Outcome | None, decision: Decision) -> bool:
    if not decision.needs_second or decision.settles:
        return False
    return found is None or found.state != Standing.DONE or not same_claim(found.decision, decision)


def _count(found: Outcome, decision: Decision) -> Outcome:
    """A round after one more decision."""
    if not decides(found, decision):
        return found
    votes = (*(vote for vote in found.votes if vote.reviewer_id != decision.reviewer_id), decision)
    if decision.settles:
        return Outcome(decision, _settled(decision), votes)
    if len(votes) == 1:
        enough = not decision.needs_second
        return Outcome(decision, _settled(decision) if enough else Standing.SECOND_OPINION, () if enough else votes)
    if all(same_claim(decision, vote) for vote in votes):
        return Outcome(decision, _settled(decision), votes)
    return Outcome(decision, Standing.DISPUTED, votes)


def _settled(decision: Decision) -> Standing:
    if decision.verdict in VETTING:
        return Standing.DONE
    return Standing.UNSURE if decision.verdict == Verdict.UNSURE else Standing.BAD_SPECTRUM


def _last_word(ledger: Sequence[Decision]) -> Outcome:
    """Calling one spectrum bad leaves a decision standing that rests on another; it takes the place of one that rests
    on the same, or of none."""
    bad: Decision | None = None
    bad_spectra = set()
    for decision in reversed(ledger):
        if decision.verdict == Verdict.BAD_SPECTRUM:
            bad = bad or decision
            bad_spectra.add(decision.spectrum_id)
        elif decision.spectrum_id not in bad_spectra:
            return Outcome(decision, _settled(decision))
        else:
            break
    return Outcome(bad or ledger[-1], Standing.BAD_SPECTRUM)


def _ledger(transient: Transient, group: Group | None) -> list[Decision]:
    undone = Decision.objects.filter(verdict=Verdict.UNDO, supersedes=OuterRef("pk"))
    rows = Decision.objects.filter(transient=transient, group=group).exclude(verdict=Verdict.UNDO)
    return list(rows.filter(~Exists(undone)).order_by("id"))
