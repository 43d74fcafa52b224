"""A lease: the right of one process to work on one row, renewed as the work goes on.

Leased rows have ``lease_until`` and ``lease_token``. A process that dies leaves a lease that runs out, and another
process takes over.
"""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.utils import timezone


class LeaseLostError(Exception):
    """Another process has taken the row over."""


def unleased() -> Q:
    """Return the condition that no process holds a row."""
    return Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())


class Lease:
    """The lease that one process holds on at most one row of a table."""

    def __init__(self, model: type[Model]) -> None:
        self._rows: QuerySet[Any] = model._default_manager.all()
        self._token = secrets.token_hex(16)
        self._pk: int | None = None
        self._renew_at = 0.0

    def claim(self, row_id: int, rows: QuerySet[Any] | None = None, **changes: object) -> bool:
        """Take the lease of one row, unless another process holds it; return whether that worked.

        row_id: primary key of the row.
        rows: conditions that the row has to meet as well, or None.
        changes: further columns to set with the claim.
        """
        free = (self._rows if rows is None else rows).filter(unleased(), pk=row_id)
        if not free.update(lease_token=self._token, lease_until=_end(), **changes):
            return False
        self._pk, self._renew_at = row_id, 0.0
        return True

    def keep(self) -> None:
        """Renew the lease if a third of its time has passed. Raises LeaseLostError if another process holds it."""
        if time.monotonic() >= self._renew_at:
            self.check()

    def check(self) -> None:
        """Renew the lease now. Within a transaction, this holds off other processes until its end.

        Does nothing while no row is claimed. Raises LeaseLostError if another process holds the row.
        """
        if self._pk is None:
            return
        if not self._mine().update(lease_until=_end()):
            raise LeaseLostError
        self._renew_at = time.monotonic() + settings.SKYPORTAL_LEASE_SECONDS / 3

    def release(self, **changes: object) -> None:
        """Give the row back and set further columns of it, if this process still holds it."""
        if self._pk is not None:
            self._mine().update(**changes, lease_token="", lease_until=None)
            self._pk = None

    def _mine(self) -> QuerySet[Any]:
        return self._rows.filter(pk=self._pk, lease_token=self._token)


def _end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.SKYPORTAL_LEASE_SECONDS)
