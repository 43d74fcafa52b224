"""Which decisions a group wants two reviewers for."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Coalesce


class ReviewPolicy(models.Model):
    """What needs a second opinion before one audience; without a row nothing does.

    group: None, of public spectra. class_names: decisions for one of these, or predictions of one. below: decisions
    on a prediction whose calibrated probability is smaller; None asks for none.
    """

    group = models.OneToOneField(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="review_policy")
    class_names = models.JSONField(default=list, blank=True)
    below = models.FloatField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "review policies"
        constraints = (
            # A plain unique column would take several rows without a group.
            models.UniqueConstraint(Coalesce("group", 0), name="one_policy_an_audience"),
            models.CheckConstraint(
                name="policy_below_is_a_probability",
                condition=models.Q(below__isnull=True) | models.Q(below__gt=0, below__lte=1),
            ),
        )

    def __str__(self) -> str:
        return f"policy of {self.group or 'everybody'}"
