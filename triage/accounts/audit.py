"""Audit trail: acts of administration are noted in the admin's own log, wherever they were done."""

from __future__ import annotations

import logging

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

log = logging.getLogger(__name__)


def note(user: User, thing: Model, act: str) -> None:
    """Note who did what to which thing, in the admin's log and in the log file.

    user: who did it.
    thing: row that it was done to. The log file names it by its id alone, because an address may hold a secret.
    act: what was done, such as “revoked the token”. It must hold no secret.
    """
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(thing),
        object_id=str(thing.pk),
        object_repr=str(thing)[:200],
        action_flag=CHANGE,
        change_message=act,
    )
    log.info("%s %s (%s %s)", user.get_username(), act, thing._meta.verbose_name, thing.pk)
