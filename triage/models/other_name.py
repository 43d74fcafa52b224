"""What else a transient is called: the survey's name beside the IAU's designation, say."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from triage.querysets import SharedQuerySet


class OtherName(models.Model):
    """One more name of a transient, as one audience learnt of it. group: the audience; None, everybody."""

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="other_names")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=120)

    objects: ClassVar = SharedQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("transient", "name"), condition=Q(group__isnull=True), name="other_name_once_in_public"
            ),
            models.UniqueConstraint(
                fields=("transient", "name", "group"), condition=Q(group__isnull=False), name="other_name_once_a_group"
            ),
        )
        indexes = (models.Index(fields=("name",), name="other_name_lookup"),)

    def __str__(self) -> str:
        return self.name
