"""One attempt to import one spectrum. Its outcome is stored together with the counts of the run."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from triage.models import RemoteSpectrum, RemoteState, SkyPortalRun
from triage.services import attempts
from triage.services.skyportal import importing
from triage.services.skyportal.errors import UnreachableError
from triage.services.skyportal.fetching import Fetcher
from triage.services.skyportal.lease import Lease
from triage.services.skyportal.remote_records import SkipError

MAX_ATTEMPTS = 6
FIRST_PAUSE = timedelta(minutes=1)
MAX_PROBLEMS = 50


def handle(fetcher: Fetcher, run: SkyPortalRun, lease: Lease, row: RemoteSpectrum) -> bool:
    """Import or skip one spectrum; return False if the server did not answer."""
    # The attempt is counted before it is made, so that a spectrum that kills its process is not tried for ever.
    row.attempts += 1
    row.save(update_fields=["attempts"])
    if row.attempts > MAX_ATTEMPTS:
        _record_failure(run, lease, row, f"given up after {MAX_ATTEMPTS} attempts; the last one failed: {row.detail}")
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
    """Keep the spectrum for a later attempt, or give it up if the attempts are used up."""
    with transaction.atomic():
        lease.check()
        row.detail = detail
        row.next_attempt_at = attempts.later(FIRST_PAUSE, row.attempts)
        if row.attempts >= MAX_ATTEMPTS:
            row.state, row.reason = RemoteState.FAILED, "gave_up"
        row.save()
        run.errors += 1
        _note(run, row, "error", detail)
        run.save()


def _note(run: SkyPortalRun, row: RemoteSpectrum, reason: str, detail: str) -> None:
    if len(run.problems) < MAX_PROBLEMS:
        run.problems.append({"name": row.remote_name, "spectrum": row.remote_id, "reason": reason, "detail": detail})
