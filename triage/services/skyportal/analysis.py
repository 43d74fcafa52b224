"""This desk as an analysis service: a click on a SkyPortal sends spectra here and gets the network's answer.

The answer goes to a callback address that comes with the spectra. It has to lie on a SkyPortal that the user is
connected to here, so that nobody can make this server talk to another one.
"""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from triage.doorbell import ANSWER_ANALYSES, ring_after_commit
from triage.errors import InvalidActionError
from triage.models import AnalysisJob, SkyPortalInstance


class CallbackRefusedError(InvalidActionError):
    """The callback address does not lie on a connected SkyPortal."""

    code = "callback_refused"
    status = 400


@dataclasses.dataclass(frozen=True)
class Push:
    """Spectra that a SkyPortal sends for analysis.

    callback_url: address for the answer; it is a secret.
    invalid_after: moment after which the server takes no answer.
    remote_name: name of the source on the server.
    spectra: CSV table as it came.
    redshift: known redshift, or None to classify blind.
    """

    callback_url: str
    invalid_after: datetime
    remote_name: str
    spectra: str
    redshift: float | None


def accept(user: User, push: Push) -> AnalysisJob:
    """Store the spectra for a worker. The same request again returns the first job.

    Raises CallbackRefusedError if the callback address does not lie on a SkyPortal of the user's, and
    InvalidActionError if it is too late for an answer.
    """
    instance = _instance_of(user, push.callback_url)
    if push.invalid_after <= timezone.now():
        raise InvalidActionError("it is too late for an answer: invalid_after has passed")
    job = AnalysisJob(
        instance=instance,
        user=user,
        callback_hash=hashlib.sha256(push.callback_url.encode()).hexdigest(),
        remote_name=push.remote_name,
        invalid_after=push.invalid_after,
        spectra=push.spectra,
        redshift=push.redshift,
    )
    job.callback_url = push.callback_url
    AnalysisJob.objects.bulk_create([job], ignore_conflicts=True)
    stored = AnalysisJob.objects.get(callback_hash=job.callback_hash)
    ring_after_commit(ANSWER_ANALYSES)
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
    raise CallbackRefusedError(
        "the callback address does not lie on a SkyPortal that you are connected to here; a member of staff can add it"
    )


def _origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address. Raises ValueError if it is not a plain one."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    if not port or not parts.hostname or parts.username or parts.password or "\\" in url:
        raise ValueError(url)
    return parts.scheme, parts.hostname.lower(), port
