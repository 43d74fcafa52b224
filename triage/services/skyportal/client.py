"""A client of the SkyPortal API: about ten endpoints, tolerant parsing, and pauses after failures.

A busy server answers 429 as an HTML page without Retry-After, and a proxy answers 502 the same way. Reads are repeated
after any of that. A write is repeated only if it was certainly not carried out: after a 429, which comes from the proxy
before the application, and after a connection that was never made.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from django.conf import settings

from triage.services.fields import record_of, rows_of
from triage.services.http import AnswerTooLargeError, fetch, open_client
from triage.services.rate_limit import RateLimit
from triage.services.skyportal.errors import (
    NotVisibleError,
    OutcomeUnknownError,
    RefusedError,
    SkyPortalError,
    SlowAnswerError,
    UnauthorisedError,
    UnreachableError,
)
from triage.services.skyportal.pages import Pages

log = logging.getLogger(__name__)

ATTEMPTS = 7
# After this time a request is not repeated any more: the connection waits for its next round.
PATIENCE_SECONDS = 30.0
BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 30.0
# Older servers send the original file unasked.
WITH_FILE = {"includeOriginalFile": "true"}
# The server has addresses below a source's own for these names only. What is asked for there comes with the source too.
_PLAIN_NAME = re.compile(r"[0-9A-Za-z_.+-]+")


class Client:
    """One server with one token. Use it as a context manager.

    url: address of the server.
    token: API token, sent with every request.
    before_request: called before each attempt, so that a caller can renew its lease.
    patience_seconds: time after which a request is not repeated any more; None for PATIENCE_SECONDS.

    Methods raise UnreachableError, UnauthorisedError, NotVisibleError or RefusedError. Methods that write raise
    OutcomeUnknownError if the write may have been carried out although no answer came.
    """

    def __init__(
        self,
        url: str,
        token: str,
        before_request: Callable[[], None] = lambda: None,
        *,
        patience_seconds: float | None = None,
    ) -> None:
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        self._http = open_client(url, headers, settings.SKYPORTAL_TIMEOUT_SECONDS)
        self._token = token
        self._before_request = before_request
        self._patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._rate_limit = RateLimit(token, settings.SKYPORTAL_REQUESTS_PER_SECOND)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def spectra(self, **filters: Any) -> list[dict[str, Any]]:
        """Return spectra without their samples. The server sends this list in one piece."""
        return rows_of(self.get("/api/spectra", {**filters, "minimalPayload": "true"}), "spectra")

    def whole_spectra(self, **filters: Any) -> list[dict[str, Any]]:
        """Return spectra with their samples and original files, in one piece too."""
        return rows_of(self.get("/api/spectra", {**filters, **WITH_FILE}), "spectra")

    def spectrum(self, spectrum_id: int) -> dict[str, Any]:
        """Return one spectrum with its samples and its original file."""
        return record_of(self.get(f"/api/spectra/{spectrum_id}", WITH_FILE))

    def source(self, name: str, **filters: Any) -> dict[str, Any]:
        """Return a source with its classifications."""
        record = record_of(self.get(f"/api/sources/{_segment(name)}", filters))
        if not isinstance(record.get("classifications"), list):
            raise RefusedError("the server sent a source without its classifications")
        return record

    def sources(self, **filters: Any) -> Pages:
        """Return the sources of all pages.

        The server may send fewer rows a page than asked for. So the end is an empty page or the stated total, never a
        short page.
        """
        return Pages(self, "/api/sources", "sources", filters)

    def all_classifications(self, after: datetime | None, before: datetime | None) -> Pages:
        """Return the classifications of all sources that were made between two moments; None for no bound."""
        bounds = {"startDate": after, "endDate": before}
        filters = {name: naive(bound) for name, bound in bounds.items() if bound is not None}
        return Pages(self, "/api/classification", "classifications", filters)

    def classifications(self, name: str) -> list[dict[str, Any]]:
        if not _PLAIN_NAME.fullmatch(name):
            return rows_of(self.source(name), "classifications")
        return rows_of(self.get(f"/api/sources/{name}/classifications"), "classifications")

    def photometry(self, name: str) -> list[dict[str, Any]]:
        """Return the AB magnitudes of a source, and the limits where it was not seen."""
        if not _PLAIN_NAME.fullmatch(name):
            return rows_of(self.source(name, includePhotometry="true"), "photometry")
        return rows_of(self.get(f"/api/sources/{name}/photometry", {"format": "mag", "magsys": "ab"}), "photometry")

    def groups(self) -> dict[int, str]:
        """Return the names by id of the groups that the token belongs to, whose posts it can read."""
        return _named(rows_of(self.get("/api/groups"), "user_accessible_groups"))

    def permissions(self) -> set[str] | None:
        """Return the permissions of the token, such as “Classify”, or None if the server does not list the token."""
        tokens = rows_of(self.get("/api/internal/profile"), "tokens")
        return next((set(row.get("acls") or ()) for row in tokens if row.get("id") == self._token), None)

    def instruments(self) -> dict[int, str]:
        """Return the names of all instruments by id."""
        return _named(rows_of(self.get("/api/instrument"), "instruments"))

    def taxonomies(self) -> list[dict[str, Any]]:
        return rows_of(self.get("/api/taxonomy"), "taxonomies")

    def post_classification(self, payload: dict[str, Any]) -> int:
        """Post a classification and return its id on the server."""
        made = record_of(self._call("POST", "/api/classification", json=payload))
        return _whole(made.get("classification_id"), "classification_id")

    def delete_classification(self, classification_id: int) -> None:
        self._call("DELETE", f"/api/classification/{classification_id}", json={"label": False})

    def annotations(self, spectrum_id: int) -> list[dict[str, Any]]:
        return rows_of(self.get(f"/api/spectra/{spectrum_id}/annotations"), "annotations")

    def post_annotation(self, spectrum_id: int, payload: dict[str, Any]) -> int:
        made = record_of(self._call("POST", f"/api/spectra/{spectrum_id}/annotations", json=payload))
        return _whole(made.get("annotation_id"), "annotation_id")

    def put_annotation(self, spectrum_id: int, annotation_id: int, payload: dict[str, Any]) -> None:
        self._call("PUT", f"/api/spectra/{spectrum_id}/annotations/{annotation_id}", json=payload)

    def delete_annotation(self, spectrum_id: int, annotation_id: int) -> None:
        self._call("DELETE", f"/api/spectra/{spectrum_id}/annotations/{annotation_id}")

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """Read a path and return the ``data`` of the answer."""
        return self._call("GET", path, params=params or {})

    def _call(self, method: str, path: str, **options: Any) -> Any:
        failed: UnreachableError = UnreachableError("")
        asked_since, tries = time.monotonic(), 0
        for attempt in range(ATTEMPTS):
            if attempt and time.monotonic() - asked_since > self._patience:
                break
            if attempt:
                time.sleep(random.uniform(0.5, 1) * min(BACKOFF_SECONDS * 2**attempt, MAX_BACKOFF_SECONDS))  # noqa: S311
            self._before_request()
            self._rate_limit.wait()
            try:
                return self._attempt(method, path, options)
            except OutcomeUnknownError:
                raise
            except UnreachableError as error:
                failed = error
            log.info("SkyPortal: %s %s failed (%s); attempt %s of %s", method, path, failed, attempt + 1, ATTEMPTS)
            tries = attempt + 1
        if tries == 1:
            raise type(failed)(f"{method} {path} failed: {failed}")
        lasted = _in_words(time.monotonic() - asked_since)
        raise type(failed)(f"{method} {path} failed {tries} times within {lasted}, at last with: {failed}")

    def _attempt(self, method: str, path: str, options: dict[str, Any]) -> Any:
        """Make a request once and return the ``data`` of the answer.

        Raises UnreachableError where another attempt may help, OutcomeUnknownError for a write that may have been
        carried out, else another SkyPortalError.
        """
        lost = UnreachableError if method == "GET" else OutcomeUnknownError
        try:
            response, body = fetch(self._http, method, path, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise UnreachableError(f"no connection ({error})") from error
        except AnswerTooLargeError as error:
            raise RefusedError(f"{method} {path}: {error}") from error
        except httpx.ReadTimeout as error:
            raise (SlowAnswerError if method == "GET" else lost)("no answer in time") from error
        except httpx.HTTPError as error:
            raise lost(f"no answer ({type(error).__name__}: {error})") from error
        if response.status_code == 429:
            raise UnreachableError("too many requests")
        data = _data(response.status_code, body)
        if data is None:
            raise lost(f"status {response.status_code} without JSON")
        return data["data"]


def _data(status: int, body: bytes) -> dict[str, Any] | None:
    """Return {"data": …} of a success, or None for an answer that is worth another attempt. Raises SkyPortalError."""
    if 300 <= status < 400:
        raise RefusedError(
            f"status {status}: the server redirects to another address; enter that address in the connection"
        )
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict) or status >= 500:
        if status in {401, 403, 404}:
            raise _error(status, "")
        return None
    if status < 400 and envelope.get("status", "success") == "success":
        return {"data": envelope.get("data")}
    raise _error(status, str(envelope.get("message") or "no reason given")[:500])


def _error(status: int, message: str) -> SkyPortalError:
    if status == 401:
        return UnauthorisedError(f"the token is not accepted, or lacks a permission: {message}")
    if status in {403, 404}:
        return NotVisibleError(message or "it does not exist, or this token may not see it")
    return RefusedError(message)


def _named(rows: list[dict[str, Any]]) -> dict[int, str]:
    return {row["id"]: str(row.get("name") or row["id"]) for row in rows if isinstance(row.get("id"), int)}


def _whole(value: Any, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise OutcomeUnknownError(f"the server took it, but sent no {name} back")


def _in_words(seconds: float) -> str:
    """Return a duration in words, such as “12 s” or “3 min”."""
    if seconds < 1:
        return "a second"
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


def _segment(name: str) -> str:
    """Return a name quoted as one segment of a path. The server takes a plus sign only as it is."""
    return quote(name, safe="+")


def naive(moment: datetime) -> str:
    """Return a time in UTC without an offset, as the server writes and compares times."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
