"""Verdicts that are sent again because the answer was lost on the way: they are recorded once."""

from __future__ import annotations

import dataclasses

from django.contrib.auth.models import User

from classifier.taxonomy import load_taxonomy
from triage.models import Decision, Transient, Verdict
from triage.models.decision import VETTING
from triage.review.proposal import Proposal


def confirmed_before(user: User, transient: Transient, proposal: Proposal) -> Proposal:
    """Return the proposal with ``last_decision`` set if it repeats the reviewer's last decision.

    This is for a batch whose sender does not say which decision they saw last. If the reviewer's last decision on the
    transient is the same confirmation, the proposal counts as sent again: ``sent_before`` then finds the decision, or
    it is refused because somebody else has decided since.
    """
    if proposal.batch is None or proposal.last_decision is not None:
        return proposal
    rows = Decision.objects.filter(transient=transient)
    own: Decision | None = rows.filter(reviewer=user).order_by("-id").first()
    if own is None or own.verdict != proposal.verdict or own.prediction_id != proposal.prediction:
        return proposal
    overtaken = rows.visible_to(user).filter(pk__gt=own.pk).exists()
    return dataclasses.replace(proposal, last_decision=own.pk if overtaken else own.pk - 1)


# Columns of a decision that say what was decided, on which basis, and for whom.
SAID = (
    *("reviewer_id", "group_id", "class_name", "redshift", "comment", "prediction_id", "spectrum_id"),
    *("prediction_seen", "spectra_seen", "needs_second"),
)


def repeated(decision: Decision) -> Decision | None:
    """Return the newest decision on the transient that the reviewer sees, if it is their own and says the same.

    decision: the row of a checked proposal, not saved. It would change nothing.
    """
    rows = Decision.objects.filter(transient=decision.transient).visible_to(decision.reviewer)
    last: Decision | None = rows.order_by("-id").first()
    if last is None or decision.settles or any(getattr(last, name) != getattr(decision, name) for name in SAID):
        return None
    # A blind vote may have been recorded as a confirmation; see decisions._verdict.
    same_verdict = last.verdict == decision.verdict or {last.verdict, decision.verdict} <= set(VETTING)
    return last if same_verdict else None


def sent_before(user: User, transient: Transient, proposal: Proposal) -> Decision | None:
    """Return the decision that this proposal led to when it was sent before, or None if it is new.

    A proposal is the same if the reviewer's last decision since ``last_decision`` says the same in every field.
    """
    if proposal.last_decision is None:
        return None
    own = Decision.objects.filter(transient=transient, reviewer=user, pk__gt=proposal.last_decision)
    last: Decision | None = own.order_by("-id").first()
    # A blind vote names a class and may have been recorded as a confirmation; see decisions._verdict.
    if last is None or proposal.verdict not in (VETTING if last.verdict == Verdict.CONFIRM else (last.verdict,)):
        return None
    # Fields that the proposal leaves open were filled in when the decision was recorded.
    if proposal.spectrum not in (None, last.spectrum_id) or proposal.prediction not in (None, last.prediction_id):
        return None
    named = load_taxonomy().find(proposal.class_name) if proposal.class_name else None
    same_class = not proposal.class_name or (named is not None and named.name == last.class_name)
    same_words = last.comment == proposal.comment.strip() and last.redshift == proposal.redshift
    return last if same_class and same_words else None
