"""The backlog: spectra that wait for the network, and which worker has claimed them.

A claim is a short transaction that writes a lease. If a worker dies, its lease runs out and the next worker takes over.
A spectrum whose worker died is then claimed alone, and given up after MAX_ATTEMPTS, so that a spectrum that kills
workers cannot take others with it.
"""

from __future__ import annotations

import math
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from triage.models import Spectrum, SpectrumState

MAX_ATTEMPTS = 3


def claimable() -> QuerySet[Spectrum]:
    """Return the spectra that a worker may claim now."""
    # The database's clock decides, because the clocks of the workers' machines may differ by more than a lease.
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return Spectrum.objects.filter(free, state=SpectrumState.QUEUED, attempts__lt=MAX_ATTEMPTS)


def waits() -> bool:
    """Return whether a spectrum waits for a worker; other work of the same workers then makes way."""
    return claimable().exists()


def claim_batch(limit: int, lease_seconds: float | None = None) -> list[Spectrum]:
    """Claim spectra of the backlog for this worker and return them; no two workers get the same one.

    limit: most spectra to claim. Each sender gets the same share of them, so that a single upload does not wait behind
        the thousands of somebody else. A spectrum that was tried before is claimed alone, after all that were not.
    lease_seconds: time after which another worker may claim them, or None for the setting LEASE_SECONDS.
    """
    token = secrets.token_hex(16)
    with transaction.atomic():
        ids = _claim_fresh(limit)
        if not ids:
            ids = list(_skip_locked(claimable().order_by("id")).values_list("id", flat=True)[:1])
        # The conditions are checked again because SQLite locks no rows, and another worker may have been quicker.
        claimable().filter(id__in=ids).update(
            lease_token=token,
            lease_until=Now() + timedelta(seconds=lease_seconds or settings.LEASE_SECONDS),
            attempts=F("attempts") + 1,
        )
    claimed = Spectrum.objects.filter(id__in=ids, lease_token=token)
    return list(claimed.select_related("transient").order_by("id"))


def _claim_fresh(limit: int) -> list[int]:
    """Lock spectra that were not tried before, the oldest of each sender, and return their ids."""
    waiting = claimable().filter(attempts=0).order_by().values_list("uploaded_by")
    # The senders with the fewest spectra are served first. What they leave of their shares goes to the others.
    senders = [sender for sender, _ in waiting.annotate(number=Count("pk")).order_by("number")]
    ids: list[int] = []
    for place, sender in enumerate(senders):
        share = math.ceil((limit - len(ids)) / (len(senders) - place))
        own = claimable().filter(attempts=0, uploaded_by=sender).order_by("id")
        ids += _skip_locked(own).values_list("id", flat=True)[:share]
    return ids


def _skip_locked(queryset: QuerySet[Spectrum]) -> QuerySet[Spectrum]:
    if connection.features.has_select_for_update_skip_locked:
        return queryset.select_for_update(skip_locked=True, of=("self",))
    return queryset


def give_up_exhausted() -> None:
    """Mark as failed the spectra whose worker died in each of MAX_ATTEMPTS attempts."""
    Spectrum.objects.filter(state=SpectrumState.QUEUED, attempts__gte=MAX_ATTEMPTS, lease_until__lt=Now()).update(
        state=SpectrumState.FAILED,
        failure_code="gave_up",
        failure_reason=f"{MAX_ATTEMPTS} attempts to classify it ended with the worker",
        lease_until=None,
        lease_token="",
        processed_at=timezone.now(),
    )
