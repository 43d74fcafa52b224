"""The sync: claim a connection, list what is new on its server, and import one spectrum after the other.

Each spectrum is stored in a transaction of its own, together with the counts of the run, and the listing together with
the cursor. So a run may be cut off anywhere, and the next process that claims the connection goes on with it.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from triage.doorbell import SYNC_SKYPORTAL, ring_after_commit
from triage.errors import InvalidActionError, NotFoundError, TriageError
from triage.models import RemoteSpectrum, RemoteState, RunState, SkyPortalInstance, SkyPortalRun
from triage.services import attempts
from triage.services.skyportal import listing
from triage.services.skyportal.client import Client
from triage.services.skyportal.comparison import compare_classifications
from triage.services.skyportal.errors import SkyPortalError, UnreachableError
from triage.services.skyportal.fetching import Fetcher
from triage.services.skyportal.handling import handle
from triage.services.skyportal.lease import Lease, LeaseLostError
from triage.services.skyportal.sources import read_sources_of, refresh_sources

log = logging.getLogger(__name__)

# So many unanswered requests in a row mean that the server is away, not that these spectra are broken.
MOST_LOST_IN_A_ROW = 3
MAX_RUNS = 500


def due() -> QuerySet[SkyPortalInstance]:
    """Return the connections whose next run is due or whose last run is not finished."""
    unfinished = Q(runs__state=RunState.RUNNING)
    rows: QuerySet[SkyPortalInstance] = SkyPortalInstance.objects.filter(
        Q(next_run_at__lte=timezone.now()) | unfinished, enabled=True
    )
    return rows.distinct()


def sync_due(budget_seconds: float) -> None:
    """Sync the connections that are due, those that work before those that failed.

    budget_seconds: time for all of them together; each gets an equal share. Once it is used up, the rest is left to the
        next call.
    """
    deadline = time.monotonic() + budget_seconds
    instances = list(due().order_by("failures", "next_run_at", "pk"))
    for instance in instances:
        if time.monotonic() > deadline:
            return
        try:
            sync(instance, budget_seconds / len(instances))
        except Exception:
            # A fault of one connection must not keep the others from being synced.
            log.exception("the sync of %s broke off", instance)


def sync(
    instance: SkyPortalInstance,
    budget_seconds: float | None = None,
    *,
    since: datetime | None = None,
    full: bool = False,
) -> SkyPortalRun | None:
    """Sync one connection.

    budget_seconds: time after which the rest is left to the next call, or None to sync to the end.
    since: list what changed since this moment, instead of since the cursor.
    full: list everything instead. With ``since`` or ``full`` an unfinished run is closed, and the new run takes over
        what it left.

    Returns the run, or None if another process is syncing this connection.
    """
    lease = Lease(SkyPortalInstance)
    if not lease.claim(instance.pk):
        return None
    try:
        instance.refresh_from_db()
        run = _current_run(instance, since, full)
        try:
            with Client(instance.url, instance.token, lease.keep) as client:
                _work(client, instance, run, lease, budget_seconds)
        except (SkyPortalError, TriageError) as error:
            _fail(instance, run, error.detail)
    except LeaseLostError:
        log.warning("sync of %s: another process took over; this one stops", instance)
        return None
    finally:
        lease.release()
    return run


def _current_run(instance: SkyPortalInstance, since: datetime | None, full: bool) -> SkyPortalRun:
    """Return the unfinished run, or else a new one."""
    running = instance.runs.filter(state=RunState.RUNNING)
    if since is not None or full:
        running.update(state=RunState.FAILED, message="A later run took over.", finished_at=timezone.now())
    unfinished = running.first()
    if unfinished is not None:
        return unfinished
    since, full = _scope(instance, since, full)
    return SkyPortalRun.objects.create(instance=instance, since=since, full=full)


def _scope(instance: SkyPortalInstance, since: datetime | None, full: bool) -> tuple[datetime | None, bool]:
    """Return the moment from which a new run lists changes, and whether it lists everything."""
    full = full or (since is None and (instance.cursor is None or instance.reconcile_due))
    if since is None and not full and instance.cursor is not None:
        since = instance.cursor - listing.OVERLAP
    return since, full


def _work(
    client: Client, instance: SkyPortalInstance, run: SkyPortalRun, lease: Lease, budget_seconds: float | None
) -> None:
    deadline = None if budget_seconds is None else time.monotonic() + budget_seconds
    if run.listed_at is None and not _list(client, instance, run, lease, deadline):
        return
    fetcher = Fetcher(client, instance, run.started_at)
    due = RemoteSpectrum.objects.filter(attempts.due(), instance=instance, state=RemoteState.PENDING)
    lost = 0
    while True:
        asked = time.monotonic()
        rows = fetcher.read_ahead(due)
        if not rows:
            break
        # Spectra that came slowly get as long again, because the next call would have to ask for them once more.
        until = None if deadline is None else max(deadline, 2 * time.monotonic() - asked)
        for row in rows:
            if until is not None and time.monotonic() > until:
                return
            lost = 0 if handle(fetcher, run, lease, row) else lost + 1
            if lost >= MOST_LOST_IN_A_ROW:
                raise UnreachableError(
                    f"the server did not send {lost} spectra in a row; the rest is fetched once it answers again"
                )
    _finish(instance, run, lease)


def _list(client: Client, instance: SkyPortalInstance, run: SkyPortalRun, lease: Lease, deadline: float | None) -> bool:
    """List what there is to do; return False if the deadline came first, and the next call has to go on."""
    if run.compared_until is None:
        refresh_sources(client, instance, run.since)
    if not compare_classifications(client, instance, run, deadline):
        return False
    entries = listing.list_spectra(client, instance, run.since)
    read_sources_of(client, instance, listing.observed_by_source(instance, entries))
    with transaction.atomic():
        lease.check()
        listing.write_down(instance, run, entries)
    return True


def _finish(instance: SkyPortalInstance, run: SkyPortalRun, lease: Lease) -> None:
    with transaction.atomic():
        lease.check()
        run.state, run.finished_at = RunState.DONE, timezone.now()
        run.save()
        SkyPortalInstance.objects.filter(pk=instance.pk).update(
            failures=0, next_run_at=timezone.now() + timedelta(minutes=instance.interval_minutes)
        )
    kept = instance.runs.order_by("-id").values_list("pk", flat=True)[:MAX_RUNS]
    instance.runs.exclude(pk__in=list(kept)).delete()


def _fail(instance: SkyPortalInstance, run: SkyPortalRun, detail: str) -> None:
    """Close the run and keep what it left for the next one, which comes later after each failure, within a day."""
    next_run_at = attempts.later(timedelta(minutes=instance.interval_minutes), instance.failures)
    log.error(
        "sync of %s failed: %s; the next run starts after %s", instance, detail, f"{next_run_at:%Y-%m-%d %H:%M} UTC"
    )
    run.state, run.message, run.finished_at = RunState.FAILED, detail, timezone.now()
    run.save()
    SkyPortalInstance.objects.filter(pk=instance.pk).update(failures=F("failures") + 1, next_run_at=next_run_at)


def request_run(user: User, instance_id: int, *, full: bool) -> SkyPortalInstance:
    """Have a connection synced as soon as a worker is free.

    full: list everything, not only what changed.

    Raises NotFoundError if the user may not see the connection, InvalidActionError if it is switched off.
    """
    instance: SkyPortalInstance | None = SkyPortalInstance.objects.visible_to(user).filter(pk=instance_id).first()
    if instance is None:
        raise NotFoundError("there is no SkyPortal connection with this number")
    if not instance.enabled:
        raise InvalidActionError(f"{instance} is switched off; switch it on in its settings first")
    instance.next_run_at = timezone.now()
    if full:
        instance.reconciled_at = None
    instance.save(update_fields=["next_run_at", "reconciled_at"])
    ring_after_commit(SYNC_SKYPORTAL)
    return instance


def preview(instance: SkyPortalInstance, since: datetime | None = None, *, full: bool = False) -> dict[str, int]:
    """Return how many spectra a run would list, import and read again, without fetching or storing any.

    since, full: as in ``sync``.
    """
    since, full = _scope(instance, since, full)
    with Client(instance.url, instance.token) as client:
        entries = listing.list_spectra(client, instance, None if full else since)
    known = dict(RemoteSpectrum.objects.filter(instance=instance).values_list("remote_id", "remote_modified"))
    wanted = [entry for entry in entries.values() if not entry.skip]
    return {
        "listed": len(entries),
        "not of a transient": len(entries) - len(wanted),
        "new": sum(entry.remote_id not in known for entry in wanted),
        "changed": sum(entry.remote_id in known and known[entry.remote_id] != entry.modified for entry in wanted),
    }
