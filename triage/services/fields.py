"""Fields of the records that other services send. What is missing, null or odd becomes None or "", never invented."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any


def number(value: Any) -> float | None:
    """Return a finite number, which may have come as a text, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def moment(value: Any) -> datetime | None:
    """Return a time in UTC, or None. Times without an offset are UTC."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def text(value: Any, length: int = 120) -> str:
    """Return the value as one printable line of at most ``length`` characters, or ""."""
    if not isinstance(value, str | int | float):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())[:length]


def rows_of(data: Any, key: str) -> list[dict[str, Any]]:
    """Return the records of a list, which is the data itself or lies under ``key``; leave out anything else in it."""
    if isinstance(data, dict):
        data = data.get(key)
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def record_of(data: Any) -> dict[str, Any]:
    """Return a record, or an empty one if the data is anything else."""
    return data if isinstance(data, dict) else {}
