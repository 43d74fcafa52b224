"""Classifications: the decisions that stand after the reviewers' votes."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, OuterRef, Q

from triage.models.audience import AudienceQuerySet, User
from triage.models.decision import Decision


class OutcomeState(models.TextChoices):
    """Outcome of a transient's decisions; derived in triage.review.outcome."""

    DONE = "done", "vetted"
    SECOND_OPINION = "second_opinion", "second opinion wanted"
    DISPUTED = "disputed", "disputed"
    UNSURE = "unsure", "unsure"
    BAD_SPECTRUM = "bad_spectrum", "bad spectrum"


# A transient with a prediction waits in these states: no decision (""), or one of its spectra called bad.
WAITING_STATES = ("", "bad_spectrum")


class ClassificationQuerySet(AudienceQuerySet["Classification"]):
    """Classifications, each visible to one audience."""

    def vetted(self) -> Self:
        """Return the vetted classifications."""
        return self.filter(vetted=True)

    def newest_first(self) -> Self:
        """Order by the time of the decision, the newest first."""
        return self.order_by("-decided_at", "-id")

    def wanting_vote_of(self, user: User) -> Self:
        """Return the open rounds that want a second opinion, which this user has not given yet.

        The prediction and the first vote of these transients are hidden from the user.
        """
        return self.filter(state="second_opinion").exclude(voters=user.pk)

    def disputing(self, user: User) -> Self:
        """Return the disputed rounds in which somebody contradicted a vote of this user's."""
        return self.filter(state="disputed", voters=user.pk).exclude(decision__reviewer=user.pk)

    def standing_before(self, user: User) -> Self:
        """Return the vetted classifications that stand as this user sees them.

        Transients on which the user still owes a blind vote are left out.
        """
        return self.newest_of_each_transient(user).vetted().filter(~Exists(votes_owed_by(user)))

    def newest_of_each_transient(self, user: User) -> Self:
        """Return the newest classification of each transient, of those that the user may see."""
        newer = Q(decided_at__gt=OuterRef("decided_at")) | Q(decided_at=OuterRef("decided_at"), id__gt=OuterRef("id"))
        beside = Classification.objects.filter(newer, transient=OuterRef("transient")).visible_to(user)
        return self.visible_to(user).filter(~Exists(beside))


class Classification(models.Model):
    """The decision that stands for a transient as one audience sees it. No row means that no decision stands.

    The table is a projection of the ledger. triage.review.outcome rebuilds a row whenever a decision is added.

    transient: the transient.
    group: the audience, or None for everybody.
    decision: the decision that stands, or the newest vote while votes are counted.
    state: outcome of the decisions.
    vetted: the state is "done".
    voters: reviewers whose votes the outcome rests on; empty where one decision was enough.
    decided_at: when the decision was taken.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="classifications")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="classification")
    state = models.CharField(max_length=16, choices=OutcomeState.choices)
    vetted = models.BooleanField()
    voters = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    decided_at = models.DateTimeField()

    # Annotated by triage.export: the guesses of the spectrum's receipt.
    guesses: list[dict[str, Any]] | None

    objects = ClassificationQuerySet.as_manager()

    class Meta:
        ordering = ("-decided_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("transient",),
                condition=models.Q(group__isnull=True),
                name="one_public_classification",
            ),
            models.UniqueConstraint(
                fields=("transient", "group"),
                condition=models.Q(group__isnull=False),
                name="one_classification_a_group",
            ),
        )
        indexes = (
            models.Index(fields=("vetted", "-decided_at"), name="classification_vetted"),
            models.Index(fields=("state", "-decided_at"), name="classification_state"),
            models.Index(fields=("transient", "-decided_at", "-id"), name="classification_newest"),
        )

    def __str__(self) -> str:
        return f"{self.transient_id}: {self.decision_id}"


def votes_owed_by(user: User, transient: str = "transient") -> ClassificationQuerySet:
    """Return the open rounds that want this user's blind vote on a transient of the outer query.

    transient: path of the transient there.
    """
    rows = Classification.objects.filter(transient=OuterRef(transient))
    return rows.visible_to(user).wanting_vote_of(user)
