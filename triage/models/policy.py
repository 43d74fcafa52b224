"""Review policies: which decisions need two reviewers."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Coalesce


class ReviewPolicy(models.Model):
    """Rule of one audience about which decisions need a second opinion. Without a row, one reviewer is enough.

    group: the group, or None for public spectra.
    class_names: a second opinion is needed if one of these classes is decided or predicted.
    below: a second opinion is needed if the prediction's probability is smaller (0–1); None for no such rule.
    changed_at: when the policy was last changed.
    """

    group = models.OneToOneField(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="review_policy")
    class_names = models.JSONField(default=list, blank=True)
    below = models.FloatField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "review policies"
        constraints = (
            # A unique column alone would allow several rows without a group.
            models.UniqueConstraint(Coalesce("group", 0), name="one_policy_an_audience"),
            models.CheckConstraint(
                name="policy_below_is_a_probability",
                condition=models.Q(below__isnull=True) | models.Q(below__gt=0, below__lte=1),
            ),
        )

    def __str__(self) -> str:
        return f"policy of {self.group or 'everybody'}"
