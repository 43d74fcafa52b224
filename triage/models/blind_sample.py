"""Blind samples: transients that were drawn to be classified by people without sight of the prediction."""

from __future__ import annotations

from typing import Self

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, OuterRef, Q

from triage.models.audience import AudienceQuerySet, User
from triage.models.automatic_run import AutomaticRun
from triage.models.classification import votes_owed_by
from triage.models.decision import VETTING, Decision
from triage.models.prediction import Prediction


class BlindSampleQuerySet(AudienceQuerySet["BlindSample"]):
    """Samples, each visible to one audience."""

    def wanting_vote_of(self, user: User) -> Self:
        """Return the samples of running policies that want a blind vote, which this user may give."""
        votes = Decision.objects.filter(transient=OuterRef("transient"), verdict__in=VETTING)
        # A user who has voted knows the prediction, even if the vote was undone.
        own, standing = votes.filter(reviewer=user.pk), votes.visible_to(user).in_force()
        return self.visible_to(user).filter(~Exists(own), ~Exists(standing), run__ended_at__isnull=True)


class BlindSample(models.Model):
    """One transient that a running policy leaves to people, who vote blind. Rows are only added.

    Transients are drawn whether or not they pass. Otherwise a reviewer could tell the class from being asked blind.

    run: the run of the policy.
    transient: the transient.
    group: the audience, or None for everybody.
    prediction: prediction that passed, or the one of the transient's first spectrum that did not.
    class_name: its class.
    passed: whether the policy would have classified the transient.
    created_at: when the row was written.
    """

    run = models.ForeignKey(AutomaticRun, on_delete=models.PROTECT, related_name="samples")
    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="blind_samples")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="+")
    class_name = models.CharField(max_length=60)
    passed = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BlindSampleQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("run", "transient", "passed"), name="one_blind_sample_a_transient"),
        )

    def __str__(self) -> str:
        return f"{self.transient_id} before {self.group_id or 'everybody'}"


def owes_blind_vote(user: User, transient: str = "transient") -> Q:
    """Return the condition that a blind vote of the user's is wanted on a transient of the query that it filters.

    The prediction, and what others decided or wrote, stay hidden from the user until then.

    transient: path of the transient.
    """
    sampled = BlindSample.objects.filter(transient=OuterRef(transient)).wanting_vote_of(user)
    return Q(Exists(votes_owed_by(user, transient))) | Q(Exists(sampled))
