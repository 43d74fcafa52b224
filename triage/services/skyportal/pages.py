"""Listings that a SkyPortal sends in pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from triage.services.fields import record_of, rows_of
from triage.services.skyportal.errors import RefusedError

ROWS_PER_PAGE = 500
# A server that ignores the number of the page would be asked for ever.
MAX_PAGES = 20_000


class Asks(Protocol):
    """A client that reads a path and returns the ``data`` of the answer."""

    def get(self, path: str, params: dict[str, Any] | None = None) -> Any: ...


class Pages:
    """The records of all pages of a listing.

    complete: whether every record came, as far as can be told; only once all pages were read. The server does not order
        its classifications, so pages can overlap, and a record that is deleted meanwhile moves the later ones forward.
    missed: number of records that the server counts and did not send; only once all pages were read.
    """

    def __init__(self, client: Asks, path: str, key: str, filters: dict[str, Any]) -> None:
        self._client, self._path, self._key, self._filters = client, path, key, filters
        self._first: dict[str, Any] | None = None
        self.complete = False
        self.missed = 0

    @property
    def total(self) -> int | None:
        """Number of records that the server counts, or None if it does not say; this reads the first page."""
        if self._first is None:
            self._first = self._page(1)
        return _total(self._first)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the records. Raises RefusedError if there are more than MAX_PAGES pages."""
        ids: set[Any] = set()
        counted, seen = self.total, 0
        for number in range(1, MAX_PAGES + 1):
            page = self._first if number == 1 and self._first is not None else self._page(number)
            rows = rows_of(page, self._key)
            yield from rows
            seen += len(rows)
            ids |= {str(row.get("id")) for row in rows}
            total = _total(page)
            if not rows or (total is not None and seen >= total):
                self.missed = max((counted or 0) - len(ids), (total or 0) - len(ids), 0)
                self.complete = total is not None and self.missed == 0
                return
        raise RefusedError(f"{self._path} does not end after {MAX_PAGES} pages of {ROWS_PER_PAGE}")

    def _page(self, number: int) -> dict[str, Any]:
        place = {"pageNumber": number, "numPerPage": ROWS_PER_PAGE}
        return record_of(self._client.get(self._path, {**self._filters, **place}))


def _total(page: dict[str, Any]) -> int | None:
    total = page.get("totalMatches")
    return total if isinstance(total, int) else None
