"""Order of a list that takes several pages, by the column that the address names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import F, Model, QuerySet

Row = TypeVar("Row", bound=Model)


def sorted_by(rows: QuerySet[Row], sort: str, columns: Mapping[str, str]) -> QuerySet[Row]:
    """Return rows in the order of a column, those without a value last; another ``sort`` leaves the order as it is.

    sort: key of ``columns``, with a minus for the reverse.
    columns: lookup of each column that the list can be sorted by.
    """
    name = sort.removeprefix("-")
    if name not in columns:
        return rows
    column: Any = F(columns[name])
    return rows.order_by((column.desc if sort.startswith("-") else column.asc)(nulls_last=True), "-id")
