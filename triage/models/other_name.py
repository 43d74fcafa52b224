"""Other names of a transient, such as the survey's name beside the IAU designation."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, OuterRef, Prefetch, Q

from triage.models.audience import AudienceQuerySet, User
from triage.models.names import NameKeyField


class OtherName(models.Model):
    """One more name of a transient, as one audience knows it.

    transient: the transient.
    group: the audience, or None for everybody.
    name: the name.
    key: the name in the form in which names are compared.
    """

    transient = models.ForeignKey("triage.Transient", on_delete=models.CASCADE, related_name="other_names")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=120)
    key = NameKeyField()

    objects = AudienceQuerySet["OtherName"].as_manager()

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
        indexes = (
            models.Index(fields=("name",), name="other_name_lookup"),
            models.Index(fields=("key",), name="other_name_key"),
        )

    def __str__(self) -> str:
        return self.name


def other_names(user: User) -> Prefetch[str]:
    """Return the prefetch of a transient's other names that the user knows, each once, as ``known_names``."""
    named = OtherName.objects.visible_to(user)
    # A name that a group knew before everybody did has two rows.
    again = named.filter(transient=OuterRef("transient"), name=OuterRef("name"), id__lt=OuterRef("id"))
    return Prefetch("other_names", named.filter(~Exists(again)), to_attr="known_names")
