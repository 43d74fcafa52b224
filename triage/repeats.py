"""Verdicts that are sent once more, because their answer was lost on the way: recorded once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from django.contrib.auth.models import User

from classifier.taxonomy import load_taxonomy
from triage.models import Decision, Transient, Verdict
from triage.models.decision import VETTING

if TYPE_CHECKING:
    # It asks the two below.
    from triage.review import Proposal


def confirmed_before(user: User, transient: Transient, proposal: Proposal) -> Proposal:
    """Of a batch whose sender did not say what decision was seen: where the reviewer's last word here is the same
    confirmation, it counts as sent once more, and is refused if somebody else has decided since."""
    if proposal.batch is None or proposal.last_decision is not None:
        return proposal
    rows = Decision.objects.filter(transient=transient)
    own: Decision | None = rows.filter(reviewer=user).order_by("-id").first()
    if own is None or own.verdict != proposal.verdict or own.prediction_id != proposal.prediction:
        return proposal
    overtaken = rows.visible_to(user).filter(pk__gt=own.pk).exists()
    return dataclasses.replace(proposal, last_decision=own.pk if overtaken else own.pk - 1)


def sent_before(user: User, transient: Transient, proposal: Proposal) -> Decision | None:
    """The decision that this proposal led to already, where its answer was lost on the way and a page sends it once
    more: the same words by the same reviewer, who has seen no decision since."""
    if proposal.last_decision is None:
        return None
    own = Decision.objects.filter(transient=transient, reviewer=user, pk__gt=proposal.last_decision)
    last: Decision | None = own.order_by("-id").first()
    # A vote without sight of the prediction, which names a class, may have become a confirmation; see _verdict.
    if last is None or proposal.verdict not in (VETTING if last.verdict == Verdict.CONFIRM else (last.verdict,)):
        return None
    # What was left open then was found from what was there.
    if proposal.spectrum not in (None, last.spectrum_id) or proposal.prediction not in (None, last.prediction_id):
        return None
    found = load_taxonomy().find(proposal.class_name) if proposal.class_name else None
    same_class = not proposal.class_name or (found is not None and found.name == last.class_name)
    same_words = last.comment == proposal.comment.strip() and last.redshift == proposal.redshift
    return last if same_class and same_words else None
