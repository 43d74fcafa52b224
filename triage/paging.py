"""Numbered pages of lists that may be very long."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator

# Nobody turns more pages than these hold; to count on would cost more than to show.
MOST = 2000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first MOST rows. known: how many rows there are, where that was counted before. capped: there are
    more than the pages show."""

    def __init__(self, rows: Any, size: int, known: int | None = None) -> None:
        super().__init__(rows, size)
        self._known = known

    @cached_property
    def _counted(self) -> int:
        if self._known is not None:
            return self._known
        rows: Any = self.object_list
        # Without their order, and so without what they would be ordered by.
        return int(rows.order_by().values("pk")[: MOST + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @property
    def capped(self) -> bool:
        return self._counted > MOST
