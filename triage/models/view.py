"""Saved views: filters of the queue that a user has named."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """One named filter of the queue.

    user: the user it belongs to.
    name: the user's name for it.
    query: query of the queue's address, with its ``?``, or "" for the unfiltered queue.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=800, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="one_view_a_name"),)

    def __str__(self) -> str:
        return self.name
