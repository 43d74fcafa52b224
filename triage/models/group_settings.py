"""Settings of a group: whether uploads of its members are private by default, and whose own group it is."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models


class GroupSettings(models.Model):
    """Settings of one group; a group without any has the defaults.

    group: the group.
    private_by_default: what members upload is visible to this group alone, unless they choose another audience.
    person: the one member, if the group stands for "only me"; None for a group of several people.
    """

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="desk_settings")
    private_by_default = models.BooleanField(default=False)
    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="own_group"
    )

    class Meta:
        verbose_name_plural = "group settings"

    def __str__(self) -> str:
        return str(self.group)
