"""The light curve of a SkyPortal source, stored for the transient here and replaced whenever it is fetched again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.utils import timezone

from triage.intake.light_curve_table import MAX_POINTS, Limit, Point
from triage.models import Brightness, BrightnessDue, Photometry, SkyPortalInstance, Transient
from triage.services.fields import number, text


@dataclasses.dataclass(frozen=True)
class RemotePhotometry:
    """A light curve in order of time.

    points: (MJD, filter, AB magnitude, 1σ error or None).
    limits: (MJD, filter, limiting AB magnitude) where the source was not seen.
    """

    points: list[Point]
    limits: list[Limit]


def read_photometry(rows: Iterable[dict[str, Any]], groups: Collection[int] = ()) -> RemotePhotometry:
    """Read the photometry of one source.

    A row without a magnitude counts with its limit. Rows without either, without a time or a filter, or in another
    system than AB are left out, and so are doubles. A filter that several instruments have gets the instrument's name
    in front. The newest MAX_POINTS points and limits are kept.

    rows: photometry as the server sends it.
    groups: ids of the server's groups; rows that are shared with none of them are left out. Empty for all rows.
    """
    usable = [row for row in rows if _is_usable(row) and (not groups or _groups_of(row) & set(groups))]
    instruments = defaultdict(set)
    for row in usable:
        instruments[row["filter"]].add(text(row.get("instrument_name")))
    points, limits = set(), set()
    for row in usable:
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


def _groups_of(row: dict[str, Any]) -> set[Any]:
    """Return the ids of the groups that a row is shared with."""
    shared = row.get("groups")
    return {group.get("id") for group in shared if isinstance(group, dict)} if isinstance(shared, list) else set()


def _is_usable(row: dict[str, Any]) -> bool:
    mjd = number(row.get("mjd"))
    bright = any(number(row.get(key)) is not None for key in ("mag", "limiting_mag"))
    named = bool(text(row.get("filter"))) and isinstance(row["filter"], str)
    return named and bright and mjd is not None and 0 < mjd < 200_000 and row.get("magsys") in (None, "ab")


def store_photometry(
    instance: SkyPortalInstance, remote_name: str, transient: Transient, photometry: RemotePhotometry
) -> None:
    """Replace the light curve that was fetched before; remove it if the server has none any more."""
    mine = Photometry.objects.filter(instance=instance, remote_name=remote_name)
    if not photometry.points and not photometry.limits:
        left = list(mine.values_list("transient", flat=True))
        mine.delete()
    else:
        stays = {"transient": transient, "group": instance.group}
        left = list(mine.exclude(**stays).values_list("transient", flat=True))
        Photometry.objects.update_or_create(
            instance=instance,
            remote_name=remote_name,
            defaults={
                **stays,
                "filename": f"{remote_name} on {instance.name}"[:255],
                "sha256": hashlib.sha256(f"SkyPortal {instance.pk} {remote_name}".encode()).hexdigest(),
                "unit": "mag",
                "points": photometry.points,
                "limits": photometry.limits,
                "fetched_at": timezone.now(),
            },
        )
        BrightnessDue.objects.mark(transient.pk)
    for transient_id in left:
        Brightness.objects.forget(transient_id)
