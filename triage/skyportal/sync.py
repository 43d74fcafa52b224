"""The sync: claim an instance, list what is new there, and work through it, one spectrum a transaction.

A run may be cut off anywhere: the listing is stored with the cursor, each spectrum with its count. Whoever claims the
instance next goes on with the same run.
"""

from __future__ import annotations

import logging
import secrets
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from triage.doorbell import ring
from triage.errors import InvalidActionError, NotFoundError, TriageError
from triage.models import RemoteSpectrum, RemoteState, RunState, SkyPortalInstance, SkyPortalRun
from triage.skyportal import importing, listing
from triage.skyportal.client import Client
from triage.skyportal.errors import SkyPortalError, UnreachableError
from triage.skyportal.payload import SkipError
from triage.tasks import sync_skyportal

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
# So many spectra in a row that cannot be had mean that the server is away, not that these are broken.
GIVE_UP_AFTER = 3
PROBLEMS_KEPT = 50
KEPT_RUNS = 500


class LeaseLostError(Exception):
    """Another process has taken the instance over."""


class Lease:
    """The right to sync one instance, renewed as the work goes on."""

    def __init__(self, instance: SkyPortalInstance) -> None:
        self.instance = instance
        self.token = secrets.token_hex(16)
        self._renew_at = 0.0

    def claim(self) -> bool:
        """Whether nobody else holds it."""
        now = timezone.now()
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        rows = SkyPortalInstance.objects.filter(free, pk=self.instance.pk)
        return bool(rows.update(lease_token=self.token, lease_until=now + self._length()))

    def keep(self) -> None:
        """Renew it, where a third of it is over. Raises LeaseLostError."""
        if time.monotonic() >= self._renew_at:
            self.check()

    def check(self) -> None:
        """Renew it now; within a transaction, this holds off others until its end. Raises LeaseLostError."""
        rows = SkyPortalInstance.objects.filter(pk=self.instance.pk, lease_token=self.token)
        if not rows.update(lease_until=timezone.now() + self._length()):
            raise LeaseLostError(self.instance.name)
        self._renew_at = time.monotonic() + self._length().total_seconds() / 3

    def release(self) -> None:
        SkyPortalInstance.objects.filter(pk=self.instance.pk, lease_token=self.token).update(
            lease_token="", lease_until=None
        )

    @staticmethod
    def _length() -> timedelta:
        return timedelta(seconds=settings.SKYPORTAL_LEASE_SECONDS)


def due() -> QuerySet[SkyPortalInstance]:
    """Instances whose time has come, or whose run is not finished."""
    unfinished = Q(runs__state=RunState.RUNNING)
    rows: QuerySet[SkyPortalInstance] = SkyPortalInstance.objects.filter(
        Q(next_run_at__lte=timezone.now()) | unfinished, enabled=True
    )
    return rows.distinct()


def sync_due(budget_seconds: float) -> None:
    """Give each instance that is due a share of the time."""
    instances = list(due())
    for instance in instances:
        sync(instance, budget_seconds / len(instances))


def sync(
    instance: SkyPortalInstance,
    budget_seconds: float | None = None,
    *,
    since: datetime | None = None,
    full: bool = False,
) -> SkyPortalRun | None:
    """Sync one instance for a while, or to the end where no budget is given. None: another process is at it.

    since, full: list from there, or everything, instead of what the cursor says; an unfinished run is then closed, and
    what it had left to do becomes the new one's."""
    lease = Lease(instance)
    if not lease.claim():
        return None
    try:
        instance.refresh_from_db()
        run = _run(instance, since, full)
        try:
            with Client(instance.url, instance.token, lease.keep) as client:
                _work(client, instance, run, lease, budget_seconds)
        except (SkyPortalError, TriageError) as error:
            _fail(instance, run, error.detail)
    except LeaseLostError:
        log.warning("the sync of %s was taken over by another process", instance)
        return None
    finally:
        lease.release()
    return run


def _run(instance: SkyPortalInstance, since: datetime | None, full: bool) -> SkyPortalRun:
    """The unfinished run, else a new one."""
    running = instance.runs.filter(state=RunState.RUNNING)
    if since is not None or full:
        running.update(state=RunState.FAILED, message="replaced by a later run", finished_at=timezone.now())
    found = running.first()
    if found is not None:
        return found
    full = full or (since is None and (instance.cursor is None or instance.reconcile_due))
    if since is None and not full and instance.cursor is not None:
        since = instance.cursor - listing.OVERLAP
    return SkyPortalRun.objects.create(instance=instance, since=since, full=full)


def _work(
    client: Client, instance: SkyPortalInstance, run: SkyPortalRun, lease: Lease, budget_seconds: float | None
) -> None:
    deadline = None if budget_seconds is None else time.monotonic() + budget_seconds
    if run.listed_at is None:
        _list(client, instance, run, lease)
    fetcher = importing.Fetcher(client, instance)
    lost = 0
    while row := _next(instance):
        if deadline is not None and time.monotonic() > deadline:
            return
        lost = 0 if _handle(fetcher, run, lease, row) else lost + 1
        if lost >= GIVE_UP_AFTER:
            raise UnreachableError(f"{lost} spectra in a row could not be fetched; the rest follows when it answers")
    _finish(instance, run, lease)


def _list(client: Client, instance: SkyPortalInstance, run: SkyPortalRun, lease: Lease) -> None:
    entries = listing.list_spectra(client, instance, run.since)
    unclassified = set()
    if run.full and instance.only_unclassified:
        unclassified = listing.unclassified_names(client, instance)
    if run.since is not None:
        listing.refresh_known(client, instance, run.since)
    with transaction.atomic():
        lease.check()
        listing.write_down(instance, run, entries, unclassified)


def _next(instance: SkyPortalInstance) -> RemoteSpectrum | None:
    now = timezone.now()
    rows = RemoteSpectrum.objects.filter(
        Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now), instance=instance, state=RemoteState.PENDING
    )
    return rows.select_related("spectrum__transient").order_by("remote_modified", "remote_id").first()


def _handle(fetcher: importing.Fetcher, run: SkyPortalRun, lease: Lease, row: RemoteSpectrum) -> bool:
    """Deal with one spectrum; False where the server gave no answer."""
    # Counted before: a spectrum that kills its process is not tried for ever.
    row.attempts += 1
    row.save(update_fields=["attempts"])
    if row.attempts > MAX_ATTEMPTS:
        _record_failure(run, lease, row, f"given up after {MAX_ATTEMPTS} attempts: {row.detail}")
        return True
    try:
        fetched = fetcher.fetch(row)
    except SkipError as skip:
        _record_skip(run, lease, row, skip)
        return True
    except UnreachableError as error:
        _record_failure(run, lease, row, error.detail)
        return False
    with transaction.atomic():
        lease.check()
        run.fetched += 1
        try:
            outcome = importing.store_one(fetcher.instance, row, fetched)
        except SkipError as skip:
            _skip(run, row, skip)
        else:
            setattr(run, outcome, getattr(run, outcome) + 1)
            row.state, row.reason, row.detail, row.attempts, row.next_attempt_at = RemoteState.IMPORTED, "", "", 0, None
        row.save()
        run.save()
    return True


def _record_skip(run: SkyPortalRun, lease: Lease, row: RemoteSpectrum, skip: SkipError) -> None:
    with transaction.atomic():
        lease.check()
        _skip(run, row, skip)
        row.save()
        run.save()


def _skip(run: SkyPortalRun, row: RemoteSpectrum, skip: SkipError) -> None:
    row.state, row.reason, row.detail = RemoteState.SKIPPED, skip.reason[:60], skip.detail
    row.attempts, row.next_attempt_at = 0, None
    run.skipped[row.reason] = run.skipped.get(row.reason, 0) + 1
    _note(run, row, row.reason, skip.detail)


def _record_failure(run: SkyPortalRun, lease: Lease, row: RemoteSpectrum, detail: str) -> None:
    """It stays on the list, for later, until the attempts are used up."""
    with transaction.atomic():
        lease.check()
        row.detail = detail
        row.next_attempt_at = timezone.now() + timedelta(minutes=2**row.attempts)
        if row.attempts >= MAX_ATTEMPTS:
            row.state, row.reason = RemoteState.FAILED, "gave_up"
        row.save()
        run.errors += 1
        _note(run, row, "error", detail)
        run.save()


def _note(run: SkyPortalRun, row: RemoteSpectrum, reason: str, detail: str) -> None:
    if len(run.problems) < PROBLEMS_KEPT:
        run.problems.append({"name": row.remote_name, "spectrum": row.remote_id, "reason": reason, "detail": detail})


def _finish(instance: SkyPortalInstance, run: SkyPortalRun, lease: Lease) -> None:
    with transaction.atomic():
        lease.check()
        run.state, run.finished_at = RunState.DONE, timezone.now()
        run.save()
        SkyPortalInstance.objects.filter(pk=instance.pk).update(
            failures=0, next_run_at=timezone.now() + timedelta(minutes=instance.interval_minutes)
        )
    kept = instance.runs.order_by("-id").values_list("pk", flat=True)[:KEPT_RUNS]
    instance.runs.exclude(pk__in=list(kept)).delete()


def _fail(instance: SkyPortalInstance, run: SkyPortalRun, detail: str) -> None:
    """Close the run; what is left stays on the list. The next one comes later each time, within a day."""
    log.error("the sync of %s failed: %s", instance, detail)
    minutes = min(instance.interval_minutes * 2 ** min(instance.failures, 10), 24 * 60)
    run.state, run.message, run.finished_at = RunState.FAILED, detail, timezone.now()
    run.save()
    SkyPortalInstance.objects.filter(pk=instance.pk).update(
        failures=F("failures") + 1, next_run_at=timezone.now() + timedelta(minutes=minutes)
    )


def request_run(user: User, instance_id: int, *, full: bool) -> SkyPortalInstance:
    """Have an instance synced as soon as a worker is free. Raises NotFoundError."""
    instance: SkyPortalInstance | None = SkyPortalInstance.objects.visible_to(user).filter(pk=instance_id).first()
    if instance is None:
        raise NotFoundError("there is no such SkyPortal")
    if not instance.enabled:
        raise InvalidActionError(f"{instance} is switched off")
    instance.next_run_at = timezone.now()
    if full:
        instance.reconciled_at = None
    instance.save(update_fields=["next_run_at", "reconciled_at"])
    transaction.on_commit(lambda: ring(sync_skyportal))
    return instance


def preview(instance: SkyPortalInstance, since: datetime | None = None, *, full: bool = False) -> dict[str, int]:
    """What a run would have to do; nothing is fetched or stored."""
    everything = full or (since is None and (instance.cursor is None or instance.reconcile_due))
    if since is None and not everything and instance.cursor is not None:
        since = instance.cursor - listing.OVERLAP
    with Client(instance.url, instance.token) as client:
        entries = listing.list_spectra(client, instance, None if everything else since)
    known = dict(RemoteSpectrum.objects.filter(instance=instance).values_list("remote_id", "remote_modified"))
    wanted = [entry for entry in entries.values() if not entry.skip]
    return {
        "listed": len(entries),
        "not of a transient": len(entries) - len(wanted),
        "new": sum(entry.remote_id not in known for entry in wanted),
        "changed": sum(entry.remote_id in known and known[entry.remote_id] != entry.modified for entry in wanted),
    }
