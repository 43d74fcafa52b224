"""Numbered pages of lists that may be very long."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator

# Nobody turns more pages than hold these rows, and counting further would cost more than showing a page.
MOST = 2000
# So many rows of a search that has no index of its own are looked for.
MOST_SEARCHED = 500


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first rows.

    rows: queryset, or a list of the first most + 1 rows.
    known: number of rows if it was counted before, or None to count them. More or fewer rows may be there by now, so a
        page holds what is there.
    most: largest number of rows on all pages together; MOST by default.
    """

    def __init__(self, rows: Any, size: int, known: int | None = None, most: int | None = None) -> None:
        super().__init__(rows, size)
        self._known, self._most = known, MOST if most is None else most

    @cached_property
    def _counted(self) -> int:
        if self._known is not None:
            return self._known
        if isinstance(self.object_list, list):
            return len(self.object_list)
        rows: Any = self.object_list
        # Without the order, the database need not compute what the rows would be sorted by.
        return int(rows.order_by().values("pk")[: self._most + 1].count())

    def page(self, number: int | str) -> Page[Any]:
        if self._known is None:
            return super().page(number)
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        return Page(self.object_list[first : min(first + self.per_page, self._most)], number, self)

    @cached_property
    def count(self) -> int:
        return min(self._counted, self._most)

    @property
    def capped(self) -> bool:
        """Return whether there are more rows than the pages show."""
        return self._counted > self._most
