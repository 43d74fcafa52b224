"""Message that the next page shows after a verdict."""

from __future__ import annotations

from triage.intake.wording import redshift_in_words
from triage.models import Decision, OutcomeState, Transient
from triage.queue.misfit import is_far
from triage.review.outcome import current_outcome


def verdict_message(decision: Decision, transient: Transient) -> str:
    """Return what was decided, such as "SN 2026abc: confirmed as SN Ia at z = 0.031".

    transient: as it was before the decision, annotated by ``for_review``.
    """
    round_words = _after_blind_vote(decision) if transient.hidden else ""
    return f"{transient.name}: {decision}{_redshift_taken(decision, transient.redshift)}{round_words}"


def _after_blind_vote(decision: Decision) -> str:
    """Return what a blind vote made of the round, in words."""
    outcome = current_outcome(decision.transient, decision.group)
    if outcome is None or decision not in outcome.votes:
        return ""
    return {
        OutcomeState.DONE: "; it agrees with the first vote",
        OutcomeState.DISPUTED: "; it differs from the first vote, so the transient is now disputed",
    }.get(outcome.state, "")


def _redshift_taken(decision: Decision, known: float | None) -> str:
    """Return the reviewer's redshift in words, and that it is far from the known one, such as by a slip of the comma.

    Returns "" without one.
    """
    if decision.redshift is None:
        return ""
    taken = f" at z = {redshift_in_words(decision.redshift)}"
    if known is None or not is_far(decision.redshift, known):
        return taken
    return f"{taken}; z = {redshift_in_words(known)} was known, which is far from it"
