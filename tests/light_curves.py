"""Light curves for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User

from tests.factories import classified
from triage.inference.brightness import measure_due
from triage.intake import photometry
from triage.models import Transient

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


def with_brightness(user: User) -> Transient:
    """Return the transient X with a light curve, and a spectrum of eleven days after maximum."""
    transient = classified(user, "X", redshift=0.1, observed_at=MAXIMUM + timedelta(days=11))
    photometry.add(user, transient, light_curve(), "a.csv", None)
    measure_due(60)
    return transient
