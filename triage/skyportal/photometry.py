"""The light curve of a source there, as one of the transient here: replaced whenever it is fetched anew."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from triage.light_curve import MAX_POINTS, Limit, Point
from triage.models import Photometry, SkyPortalInstance, Transient
from triage.skyportal.payload import number, text


@dataclasses.dataclass(frozen=True)
class RemotePhotometry:
    """AB magnitudes and their upper limits, in order of time."""

    points: list[Point]
    limits: list[Limit]


def read_photometry(rows: Iterable[dict[str, Any]]) -> RemotePhotometry:
    """What the server has of a source. A row without a magnitude counts by its limit; one that has neither, no time or
    filter, or another system than AB, is left out, and of what is there twice one. A filter that several instruments
    have is told apart by their names. Of more than MAX_POINTS the newest are kept."""
    kept = [row for row in rows if _is_of_use(row)]
    instruments = defaultdict(set)
    for row in kept:
        instruments[row["filter"]].add(text(row.get("instrument_name")))
    points, limits = set(), set()
    for row in kept:
        several = len(instruments[row["filter"]]) > 1
        band = text(f"{text(row.get('instrument_name'))} {row['filter']}" if several else row["filter"], 40)
        mjd, magnitude, limit = (number(row.get(key)) for key in ("mjd", "mag", "limiting_mag"))
        if mjd is not None and magnitude is not None:
            points.add((mjd, band, magnitude, number(row.get("magerr"))))
        elif mjd is not None and limit is not None:
            limits.add((mjd, band, limit))
    return RemotePhotometry(
        sorted(points, key=lambda point: (point[:3], point[3] or 0))[-MAX_POINTS:], sorted(limits)[-MAX_POINTS:]
    )


def _is_of_use(row: dict[str, Any]) -> bool:
    mjd = number(row.get("mjd"))
    bright = any(number(row.get(key)) is not None for key in ("mag", "limiting_mag"))
    named = bool(text(row.get("filter"))) and isinstance(row["filter"], str)
    return named and bright and mjd is not None and 0 < mjd < 200_000 and row.get("magsys") in (None, "ab")


def store_photometry(
    instance: SkyPortalInstance, remote_name: str, transient: Transient, found: RemotePhotometry
) -> None:
    """Put it in place of what was fetched before; nothing found takes that away."""
    mine = Photometry.objects.filter(instance=instance, remote_name=remote_name)
    if not found.points and not found.limits:
        mine.delete()
        return
    Photometry.objects.update_or_create(
        instance=instance,
        remote_name=remote_name,
        defaults={
            "transient": transient,
            "group": instance.group,
            "filename": f"{remote_name} on {instance.name}"[:255],
            "sha256": hashlib.sha256(f"SkyPortal {instance.pk} {remote_name}".encode()).hexdigest(),
            "unit": "mag",
            "points": found.points,
            "limits": found.limits,
            "fetched_at": timezone.now(),
        },
    )
