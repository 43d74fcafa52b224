"""Filters of light curves: which band a filter's name stands for."""

from __future__ import annotations

import re

BLUE_TO_RED = ("uvw2", "uvm2", "uvw1", *"ubgcvroizyjhk")
_NAME = re.compile(rf"(?:.*[^a-z0-9])?(?:ztf|sdss|ps1|atlas|lsst|des)?({'|'.join(BLUE_TO_RED)})'?")


def band_of(name: str) -> str | None:
    """Return the band of a filter, one of BLUE_TO_RED, or None if its name says none: "ztfr" and "R" give "r"."""
    match = _NAME.fullmatch(name.lower())
    return match[1] if match else None
