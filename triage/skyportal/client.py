"""A thin client of the SkyPortal API: about ten endpoints, tolerant parsing, back-off.

nginx answers 429 as an HTML page without Retry-After; a server behind a proxy answers 502 the same way. Reads are
repeated on any of that. A write is repeated only where it surely was not carried out: 429 comes before the application,
and so does a connection that was never made.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from django.conf import settings

from triage.outside import AnswerTooLargeError, fetch, open_client
from triage.pace import Pace
from triage.skyportal.errors import (
    NotVisibleError,
    OutcomeUnknownError,
    RefusedError,
    SkyPortalError,
    UnauthorisedError,
    UnreachableError,
)

log = logging.getLogger(__name__)

ATTEMPTS = 7
BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 30.0
PAGE = 500
MAX_PAGES = 2000


class Client:
    """One server with one token. Use it as a context manager.

    before_request: called before each attempt, so that a caller can keep its lease.
    """

    def __init__(self, url: str, token: str, before_request: Callable[[], None] = lambda: None) -> None:
        headers = {"Authorization": f"token {token}", "Accept": "application/json"}
        self._http = open_client(url, headers, settings.SKYPORTAL_TIMEOUT_SECONDS)
        self._before_request = before_request
        self._pace = Pace(token, settings.SKYPORTAL_REQUESTS_PER_SECOND)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def spectra(self, **filters: Any) -> list[dict[str, Any]]:
        """Spectra without their samples; this list has no pages."""
        found = self.get("/api/spectra", {**filters, "minimalPayload": "true"})
        return _rows(found, "spectra")

    def spectrum(self, spectrum_id: int) -> dict[str, Any]:
        return _record(self.get(f"/api/spectra/{spectrum_id}"))

    def source(self, name: str) -> dict[str, Any]:
        return _record(self.get(f"/api/sources/{_segment(name)}"))

    def sources(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All pages. The server clips numPerPage, so that the end is an empty page or the total, never a short page."""
        return self._paged("/api/sources", "sources", filters)

    def classifications_since(self, start: datetime) -> Iterator[dict[str, Any]]:
        """Those made since ``start``, of all sources."""
        return self._paged("/api/classification", "classifications", {"startDate": naive(start)})

    def classifications(self, name: str) -> list[dict[str, Any]]:
        return _rows(self.get(f"/api/sources/{_segment(name)}/classifications"), "classifications")

    def photometry(self, name: str) -> list[dict[str, Any]]:
        """AB magnitudes of a source, with the limits where it was not seen."""
        filters = {"format": "mag", "magsys": "ab"}
        return _rows(self.get(f"/api/sources/{_segment(name)}/photometry", filters), "photometry")

    def taxonomies(self) -> list[dict[str, Any]]:
        return _rows(self.get("/api/taxonomy"), "taxonomies")

    def post_classification(self, payload: dict[str, Any]) -> int:
        """The new one's id. Raises OutcomeUnknownError where it may have been made all the same."""
        made = _record(self._call("POST", "/api/classification", json=payload))
        return _whole(made.get("classification_id"), "classification_id")

    def delete_classification(self, classification_id: int) -> None:
        self._call("DELETE", f"/api/classification/{classification_id}", json={"label": False})

    def annotations(self, spectrum_id: int) -> list[dict[str, Any]]:
        return _rows(self.get(f"/api/spectra/{spectrum_id}/annotations"), "annotations")

    def post_annotation(self, spectrum_id: int, payload: dict[str, Any]) -> int:
        made = _record(self._call("POST", f"/api/spectra/{spectrum_id}/annotations", json=payload))
        return _whole(made.get("annotation_id"), "annotation_id")

    def put_annotation(self, spectrum_id: int, annotation_id: int, payload: dict[str, Any]) -> None:
        self._call("PUT", f"/api/spectra/{spectrum_id}/annotations/{annotation_id}", json=payload)

    def delete_annotation(self, spectrum_id: int, annotation_id: int) -> None:
        self._call("DELETE", f"/api/spectra/{spectrum_id}/annotations/{annotation_id}")

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        """``data`` of the answer."""
        return self._call("GET", path, params=params or {})

    def _paged(self, path: str, key: str, filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        seen = 0
        for number in range(1, MAX_PAGES + 1):
            page = _record(self.get(path, {**filters, "pageNumber": number, "numPerPage": PAGE}))
            rows = _rows(page, key)
            yield from rows
            seen += len(rows)
            total = page.get("totalMatches")
            if not rows or (isinstance(total, int) and seen >= total):
                return
        raise RefusedError(f"{path} has more than {MAX_PAGES} pages")

    def _call(self, method: str, path: str, **options: Any) -> Any:
        trouble = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0.5, 1) * min(BACKOFF_SECONDS * 2**attempt, MAX_BACKOFF_SECONDS))  # noqa: S311
            self._keep_pace()
            try:
                response, body = fetch(self._http, method, path, **options)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                trouble = f"no connection ({error})"
            except AnswerTooLargeError as error:
                raise RefusedError(f"{method} {path}: {error}") from error
            except httpx.HTTPError as error:
                trouble = f"no answer ({type(error).__name__}: {error})"
                _give_up_write(method, trouble)
            else:
                if response.status_code == 429:
                    trouble = "too many requests"
                elif (data := _data(response.status_code, body)) is not None:
                    return data["data"]
                else:
                    trouble = f"status {response.status_code} without JSON"
                    _give_up_write(method, trouble)
            log.info("SkyPortal: %s %s: %s", method, path, trouble)
        raise UnreachableError(f"{method} {path}: {trouble}, {ATTEMPTS} times")

    def _keep_pace(self) -> None:
        self._before_request()
        self._pace.wait()


def _give_up_write(method: str, trouble: str) -> None:
    if method != "GET":
        raise OutcomeUnknownError(f"{trouble}; whether it was carried out has to be looked up")


def _data(status: int, body: bytes) -> dict[str, Any] | None:
    """{"data": …} of a success; None for an answer worth another attempt; else an error."""
    if 300 <= status < 400:
        raise RefusedError(f"status {status}: the server points to another address; enter that one")
    try:
        envelope = json.loads(body)
    except ValueError:
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
        return UnauthorisedError(f"the token is not accepted: {message}")
    if status in {403, 404}:
        return NotVisibleError(message or "not there, or not visible with this token")
    return RefusedError(message)


def _rows(found: Any, key: str) -> list[dict[str, Any]]:
    """A list of records, bare or under ``key``; anything else in it is left out."""
    if isinstance(found, dict):
        found = found.get(key)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _record(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _whole(value: Any, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise OutcomeUnknownError(f"the server took it, but sent no {name}")


def _segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def naive(moment: datetime) -> str:
    """UTC without an offset, as the server writes and compares times."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
