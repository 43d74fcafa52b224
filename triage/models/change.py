"""Changes of vetted classifications, in the order in which they were committed."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, OuterRef, Q

from triage.models.audience import AudienceQuerySet, User
from triage.models.blind_sample import owes_blind_vote
from triage.models.classification import Classification


class ChangeQuerySet(AudienceQuerySet["ClassificationChange"]):
    """Changes, each visible to one audience."""

    def with_hidden(self, user: User) -> Self:
        """Annotate ``hidden``: what was decided must not be shown to the user.

        That is so while the user owes the transient a blind vote, unless the change's decision is vetted now.
        """
        stands = Classification.objects.filter(decision=OuterRef("decision"), vetted=True)
        return self.annotate(hidden=owes_blind_vote(user) & ~Exists(stands))

    def told(self, wanted: Q, of_transient: Q) -> Self:
        """Return the rows to tell a reader about: the wanted ones, and every hidden withdrawal.

        The rows are annotated by with_hidden.

        wanted: condition on rows that are not hidden.
        of_transient: condition on hidden withdrawals, which must not depend on what was decided.
        """
        return self.filter((Q(hidden=False) & wanted) | (Q(hidden=True, withdrawn=True) & of_transient))


class ClassificationChange(models.Model):
    """One vetted classification that began to stand for an audience, or ceased to.

    Rows are written by triage.review.changes alone.

    id: number in the sequence. A reader who sees one row can see all rows with smaller ids, so no row is ever missed.
    transient: the transient.
    group: the audience, or None for everybody.
    decision: the decision that vets.
    withdrawn: the classification ceased to stand.
    changed_at: when that happened.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.PROTECT, related_name="+")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decision = models.ForeignKey("triage.Decision", on_delete=models.PROTECT, related_name="changes")
    withdrawn = models.BooleanField()
    changed_at = models.DateTimeField(auto_now_add=True)

    # Annotated by ChangeQuerySet.with_hidden; a row fetched otherwise does not have it.
    hidden: bool

    # Annotated by triage.export: the guesses of the spectrum's receipt.
    guesses: list[dict[str, Any]] | None

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.pk}: decision {self.decision_id} {'withdrawn' if self.withdrawn else 'stands'}"
