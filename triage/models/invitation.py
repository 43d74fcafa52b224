"""Invitations to a group. Each is good for one person, once, until it expires."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone


class GroupInvitationQuerySet(models.QuerySet["GroupInvitation"]):
    def open(self) -> Self:
        """Return the invitations that were neither answered nor withdrawn, and have not expired."""
        return self.filter(ended_at__isnull=True, expires_at__gt=timezone.now())


class GroupInvitation(models.Model):
    """One invitation. Its link is signed with the desk's key and stored nowhere.

    group: the group that it leads to.
    made_by: who invites. If this user no longer manages the group, the invitation is void.
    user: the only user who may accept it, or None for whoever has the link.
    email: address that the link is sent to, or "".
    created_at: when it was made.
    expires_at: when it stops working.
    ended_at: when it was accepted, declined or withdrawn, or None.
    accepted_by: who joined with it, or None.
    """

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="invitations")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    email = models.EmailField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = GroupInvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.whom} to {self.group}"

    @property
    def whom(self) -> str:
        """The people who may accept it, in words."""
        return str(self.user) if self.user else self.email or "anybody with the link"
