"""Runs of automatic policies: from the moment one is switched on until it is switched off."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Coalesce

from triage.models.audience import AudienceQuerySet
from triage.models.automatic_policy import AutomaticPolicy


class AutomaticRunQuerySet(AudienceQuerySet["AutomaticRun"]):
    """Runs, each visible to one audience."""

    def on(self) -> Self:
        """Return the runs that were not switched off."""
        return self.filter(ended_at__isnull=True)


class AutomaticRun(models.Model):
    """One run of an audience's automatic policy. A row is written when it begins, and once more when it ends.

    group: the group, or None for public spectra.
    conditions: fields of the policy as they were. A changed policy needs a new run.
    checkpoint: hash of the checkpoint whose predictions may pass.
    limit: number of transients that a trial may classify; None for a policy whose dry run showed the allowed rate.
    vetted, disagreed: what the dry run counted when the run began.
    began_at, began_by: when it was switched on, and by whom.
    ended_at: when it was switched off, or None.
    ended_by: who switched it off, or None if it switched itself off.
    reason: why it was switched off, as a sentence.
    recalled: what it classified went back to the queue when it ended.
    """

    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    conditions = models.JSONField()
    checkpoint = models.CharField(max_length=64)
    limit = models.PositiveIntegerField(null=True, blank=True)
    vetted = models.PositiveIntegerField()
    disagreed = models.PositiveIntegerField()
    began_at = models.DateTimeField(auto_now_add=True)
    began_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)
    recalled = models.BooleanField(default=False)

    objects = AutomaticRunQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                Coalesce("group", 0), condition=models.Q(ended_at__isnull=True), name="one_automatic_run_an_audience"
            ),
        )

    def __str__(self) -> str:
        return f"run of the automatic policy of {self.group or 'everybody'}"

    @property
    def policy(self) -> AutomaticPolicy:
        """Return the policy as it was when the run began, not stored."""
        return AutomaticPolicy(group=self.group, **self.conditions)
