"""Long listings in parts, so that each statement to the database stays short."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

SIZE = 500


def chunks(items: Iterable[Item], size: int = SIZE) -> Iterator[list[Item]]:
    """Yield the items in lists of at most ``size``."""
    rest = iter(items)
    while part := list(itertools.islice(rest, size)):
        yield part
