"""The desk as one of a SkyPortal's analysis services: it pushes spectra on a click, and takes the answer back.

The answer goes to an address that the push names. It must lie on a SkyPortal that this desk is connected to, so that
nobody can have the server speak to another one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from triage.doorbell import ring
from triage.errors import InvalidActionError, TriageError
from triage.models import AnalysisJob, AnalysisState, SkyPortalInstance
from triage.outside import AnswerTooLargeError, fetch, open_client
from triage.skyportal.payload import failure
from triage.tasks import answer_analyses

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=2)
# Nobody else works on it for so long; longer than an attempt takes.
LEASE = timedelta(minutes=2)
TIMEOUT_SECONDS = 30
KEPT_FOR = timedelta(days=30)
OPEN = (AnalysisState.WAITING, AnalysisState.COMPUTED)


class CallbackRefusedError(InvalidActionError):
    """The callback address is not one of a connected SkyPortal."""

    code = "callback_refused"
    status = 400


@dataclasses.dataclass(frozen=True)
class Push:
    """What a SkyPortal sends. spectra: CSV, as it came; redshift: None if it knows none or does not want it used."""

    callback_url: str
    invalid_after: datetime
    remote_name: str
    spectra: str
    redshift: float | None


def accept(user: User, push: Push) -> AnalysisJob:
    """Store a push to be worked on; the same one again gives the first job. Raises CallbackRefusedError, and
    InvalidActionError for one whose time is over."""
    instance = _instance_of(user, push.callback_url)
    if push.invalid_after <= timezone.now():
        raise InvalidActionError("the time for an answer is over")
    job = AnalysisJob(
        instance=instance,
        user=user,
        remote_name=push.remote_name,
        invalid_after=push.invalid_after,
        spectra=push.spectra,
        redshift=push.redshift,
    )
    job.callback_url = push.callback_url
    hashed = hashlib.sha256(push.callback_url.encode()).hexdigest()
    known = {field.attname: getattr(job, field.attname) for field in AnalysisJob._meta.concrete_fields}
    del known["id"], known["callback_hash"]
    stored, _ = AnalysisJob.objects.get_or_create(callback_hash=hashed, defaults=known)
    transaction.on_commit(lambda: ring(answer_analyses))
    return stored


def _instance_of(user: User, url: str) -> SkyPortalInstance:
    try:
        wanted = _origin(url)
    except ValueError:
        wanted = None
    mine: QuerySet[SkyPortalInstance] = SkyPortalInstance.objects.visible_to(user).filter(enabled=True)
    for instance in mine:
        base = urlsplit(instance.url).path.rstrip("/") + "/"
        if wanted == _origin(instance.url) and urlsplit(url).path.startswith(base):
            return instance
    raise CallbackRefusedError("the callback address is on no SkyPortal that you are connected to here")


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; ValueError for what is no plain address."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    if not port or not parts.hostname or parts.username or parts.password or "\\" in url:
        raise ValueError(url)
    return parts.scheme, parts.hostname.lower(), port


def run(budget_seconds: float) -> int:
    """Compute and send back; returns how many were taken."""
    deadline = time.monotonic() + budget_seconds
    AnalysisJob.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    late = AnalysisJob.objects.filter(state__in=OPEN, invalid_after__lte=timezone.now())
    late.update(state=AnalysisState.TOO_LATE, finished_at=timezone.now())
    done = 0
    while time.monotonic() < deadline and (job := _claim()):
        done += _work(job)
    return done


def _claim() -> AnalysisJob | None:
    now = timezone.now()
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now)
    open_jobs = AnalysisJob.objects.filter(due, state__in=OPEN)
    for pk in open_jobs.order_by("id").values_list("pk", flat=True)[:20]:
        if open_jobs.filter(pk=pk).update(next_attempt_at=now + LEASE, attempts=F("attempts") + 1):
            return AnalysisJob.objects.select_related("instance").get(pk=pk)
    return None


def _work(job: AnalysisJob) -> bool:
    if job.state == AnalysisState.WAITING:
        job.result = _computed(job)
        job.state, job.attempts = AnalysisState.COMPUTED, 1
        _update(job, state=job.state, result=job.result, attempts=job.attempts, spectra="")
    try:
        state, detail = _send(job)
    except (httpx.HTTPError, AnswerTooLargeError, TriageError) as error:
        state, detail = AnalysisState.COMPUTED, f"{type(error).__name__}: {error}"
    if state == AnalysisState.COMPUTED:
        wait = min(FIRST_WAIT * 2 ** min(job.attempts, 10), LONGEST_WAIT)
        _update(job, next_attempt_at=timezone.now() + wait, last_error=detail[:300])
        return False
    if state == AnalysisState.GIVEN_UP:
        log.error("%s did not take the analysis of %s: %s", job.instance, job.remote_name, detail)
    _update(job, state=state, last_error=detail[:300], finished_at=timezone.now())
    return state == AnalysisState.SENT


def _computed(job: AnalysisJob) -> dict[str, Any]:
    """The answer; a failure that says why where there is none."""
    if job.attempts > MAX_ATTEMPTS:
        return failure("the spectra could not be analysed: each attempt ended with the worker")
    from triage.skyportal.answering import analyse  # it imports PyTorch, which the web server needs not load

    return analyse(job.spectra, job.redshift, job.instance.url)


def _send(job: AnalysisJob) -> tuple[AnalysisState, str]:
    """What became of the answer. A repeated one that arrived before is refused with 403."""
    url = job.callback_url
    with open_client(job.instance.url, {"Accept": "application/json"}, TIMEOUT_SECONDS) as client:
        response, body = fetch(client, "POST", url, json=job.result)
    if 200 <= response.status_code < 300 or (response.status_code == 403 and job.attempts > 1):
        return AnalysisState.SENT, ""
    said = f"status {response.status_code}: {body[:200].decode(errors='replace')}"
    passing = response.status_code == 429 or response.status_code >= 500
    return AnalysisState.COMPUTED if passing else AnalysisState.GIVEN_UP, said


def _update(job: AnalysisJob, **changes: object) -> None:
    AnalysisJob.objects.filter(pk=job.pk).update(**changes)
