"""The TNS's own tables of object types, instruments and groups.

A server's tables are stored whenever they are fetched. Until then, a table of object types that was shipped with the
desk counts; it says when it was made.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

from django.utils import timezone

from triage.errors import InvalidActionError
from triage.models import TnsTables

# The tables change a few times a year.
STALE_AFTER = timedelta(days=1)
SHIPPED = Path(__file__).with_name("tables.json")


@dataclasses.dataclass(frozen=True)
class Tables:
    """Names by number.

    object_types, instruments, groups: name of each number.
    dated: day on which the tables were like this.
    fetched: whether a server sent them.
    """

    object_types: Mapping[int, str]
    instruments: Mapping[int, str]
    groups: Mapping[int, str]
    dated: date
    fetched: bool

    @property
    def named(self) -> list[tuple[str, Mapping[int, str]]]:
        """The tables that people choose from."""
        return [("instruments", self.instruments), ("groups", self.groups)]

    @classmethod
    def stored(cls, row: TnsTables) -> Self:
        """Return the tables of a stored row."""
        return cls(
            object_types=_numbered(row.object_types),
            instruments=_numbered(row.instruments),
            groups=_numbered(row.groups),
            dated=row.fetched_at.date(),
            fetched=True,
        )

    def type_number(self, class_name: str, usual: int | None) -> int | None:
        """Return the object type of a class, or None.

        usual: its number if the table has no type of exactly this name.
        """
        return next((number for number, name in self.object_types.items() if same_name(name, class_name)), usual)


@cache
def _shipped() -> Tables:
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    types, dated = _numbered(content["object_types"]), date.fromisoformat(content["dated"])
    return Tables(types, instruments={}, groups={}, dated=dated, fetched=False)


def current_tables() -> Tables:
    """Return the tables of the live server, else those of the sandbox, else the shipped ones."""
    row = TnsTables.objects.order_by("target").first()  # "live" comes before "sandbox"
    return Tables.stored(row) if row else _shipped()


def are_stale(target: str) -> bool:
    """Return whether a server's tables should be fetched again.

    target: "sandbox" or "live".
    """
    return not TnsTables.objects.filter(target=target, fetched_at__gt=timezone.now() - STALE_AFTER).exists()


def store_tables(target: str, sent: Mapping[str, Mapping[int, str]]) -> Tables:
    """Store the tables that a server sent, in place of its earlier ones.

    target: "sandbox" or "live".
    sent: tables by the names of the fields of Tables; one that is missing stays as it was.
    """
    row, _ = TnsTables.objects.update_or_create(target=target, defaults={**sent, "fetched_at": timezone.now()})
    row.refresh_from_db()
    return Tables.stored(row)


def number_of(kind: str, text: str) -> int | None:
    """Return the number of an instrument or a group, or None for an empty text.

    kind: "instrument" or "group".
    text: its name at the TNS, or its number.

    Raises InvalidActionError for a name that is not in the table.
    """
    text = text.strip()
    if not text:
        return None
    if text.isdecimal() and text.isascii():
        return int(text)
    tables = current_tables()
    for number, name in (tables.instruments if kind == "instrument" else tables.groups).items():
        if same_name(name, text):
            return number
    raise InvalidActionError(f"the TNS knows no {kind} “{text}”; give its name there or its number")


def same_name(name: str, other: str) -> bool:
    """Return whether two names are the same but for spaces and capital letters."""
    return " ".join(name.casefold().split()) == " ".join(other.casefold().split())


def _numbered(table: Mapping[str, Any]) -> dict[int, str]:
    return {int(number): str(name) for number, name in table.items()}
