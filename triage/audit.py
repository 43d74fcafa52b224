"""Acts of administration leave a row in Django's own log of the admin, whether they were done there or not."""

from __future__ import annotations

import logging

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

log = logging.getLogger(__name__)


def note(user: User, thing: Model, act: str) -> None:
    """Who did what to which thing. ``act`` holds no secret; it is shown in the admin and logged. The thing itself is
    logged by its number alone, for a webhook's address may hold a secret."""
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(thing),
        object_id=str(thing.pk),
        object_repr=str(thing)[:200],
        action_flag=CHANGE,
        change_message=act,
    )
    log.info("%s %s (%s %s)", user.get_username(), act, thing._meta.verbose_name, thing.pk)
