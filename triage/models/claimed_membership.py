"""Memberships of groups that came from the claims of a login, as opposed to those that were given by hand."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models


class ClaimedMembership(models.Model):
    """A membership that ends when the claim no longer lists the group.

    user: the member.
    group: the group.
    since: when the claim first listed it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="claimed_memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "group"), name="claimed_once"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.group}"
