"""Light curves for tests."""

from __future__ import annotations

from datetime import UTC, datetime

# When the light curves below are brightest.
MAXIMUM = datetime(2026, 1, 10, tzinfo=UTC)
MAXIMUM_MJD = 61_050.0


def light_curve(top: float = 18.0, first: int = -15, last: int = 30, name: str = "ztfr") -> bytes:
    """Return a table of magnitudes that fade by one in twenty days before and after MAXIMUM.

    top: magnitude at maximum.
    first, last: days from maximum, one measurement each third day.
    """
    rows = [f"{MAXIMUM_MJD + day},{name},{top + (day / 20) ** 2:.3f},0.03" for day in range(first, last + 1, 3)]
    return "\n".join(["mjd,filter,mag,error", *rows]).encode()
