"""Numbered pages of lists that may be very long."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator

# Nobody turns more pages than hold these rows, and counting further would cost more than showing a page.
MOST = 2000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first MOST rows.

    known: number of rows if it was counted before, or None to count them.
    """

    def __init__(self, rows: Any, size: int, known: int | None = None) -> None:
        super().__init__(rows, size)
        self._known = known

    @cached_property
    def _counted(self) -> int:
        if self._known is not None:
            return self._known
        rows: Any = self.object_list
        # Without the order, the database need not compute what the rows would be sorted by.
        return int(rows.order_by().values("pk")[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @property
    def capped(self) -> bool:
        """Return whether there are more rows than the pages show."""
        return self._counted > MOST
