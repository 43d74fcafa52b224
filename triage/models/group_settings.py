"""Settings of a group: whether uploads are private by default, who manages it, and whose own group it is."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models


class GroupSettings(models.Model):
    """Settings of one group; a group without any has the defaults.

    group: the group.
    private_by_default: what members upload is visible to this group alone, unless they choose another audience.
    own_library: what the group vetted of its private spectra is compared with its further ones, as named spectra are.
    managers: members who may invite and remove others. A manager who is no member any more may do nothing.
    person: the one member, if the group stands for "only me"; None for a group of several people.
    """

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="desk_settings")
    private_by_default = models.BooleanField(default=False)
    own_library = models.BooleanField(default=False, db_default=False)
    managers = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="managed_groups")
    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="own_group"
    )

    class Meta:
        verbose_name_plural = "group settings"

    def __str__(self) -> str:
        return str(self.group)
