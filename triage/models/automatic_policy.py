"""Automatic policies: which predictions could stand without a person."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Coalesce


class AutomaticPolicy(models.Model):
    """Rule of one audience about which predictions are sure enough to stand without a person.

    A prediction passes if it fulfils every condition. Without a row, none passes.

    group: the group, or None for public spectra.
    class_names: classes that may pass; all others never do.
    probability: smallest probability of the class (0–1).
    novelty: largest novelty (0–1), or None for no bound.
    signal_to_noise: smallest median ratio in bins of 10 Å, or None for no bound. A spectrum whose ratio cannot be
        measured does not pass a bound.
    template_agrees: the best template must be of the same class.
    set_of_one: the conformal set must hold the class alone.
    share_for_people: share of all new transients (0–1) that people classify blind, whether or not they pass.
    allowed_false_rate: largest share (0–1) on which people may disagree.
    changed_at: when the policy was last changed.
    """

    group = models.OneToOneField(
        Group, on_delete=models.CASCADE, null=True, blank=True, related_name="automatic_policy"
    )
    class_names = models.JSONField(default=list)
    probability = models.FloatField(default=0.98)
    novelty = models.FloatField(null=True, blank=True)
    signal_to_noise = models.FloatField(null=True, blank=True)
    template_agrees = models.BooleanField(default=True)
    set_of_one = models.BooleanField(default=True)
    share_for_people = models.FloatField(default=0.05)
    allowed_false_rate = models.FloatField(default=0.01)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "automatic policies"
        constraints = (
            # A unique column alone would allow several rows without a group.
            models.UniqueConstraint(Coalesce("group", 0), name="one_automatic_policy_an_audience"),
            models.CheckConstraint(
                name="automatic_policy_has_shares",
                condition=models.Q(
                    probability__gt=0,
                    probability__lte=1,
                    share_for_people__gte=0,
                    share_for_people__lte=1,
                    allowed_false_rate__gt=0,
                    allowed_false_rate__lte=1,
                ),
            ),
        )

    def __str__(self) -> str:
        return f"automatic policy of {self.group or 'everybody'}"

    @property
    def in_words(self) -> str:
        """Return the conditions in a sentence."""
        if not self.class_names:
            return "no class may pass."
        conditions = [f"probability at least {100 * self.probability:.6g} %"]
        if self.novelty is not None:
            conditions.append(f"novelty at most {self.novelty:g}")
        if self.signal_to_noise is not None:
            conditions.append(f"signal-to-noise ratio at least {self.signal_to_noise:g}")
        if self.set_of_one:
            conditions.append("the 90 % set holds the class alone")
        if self.template_agrees:
            conditions.append("the best template agrees")
        return f"{' or '.join(self.class_names)}; {', '.join(conditions)}."
