"""Vetted classifications as they leave the desk."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User

from triage.models import Classification
from triage.querysets import ClassificationQuerySet

COLUMNS = (
    "id",
    "transient",
    "class_name",
    "redshift",
    "redshift_origin",
    "ra",
    "dec",
    "verdict",
    "reviewer",
    "decided_at",
    "comment",
    "group",
    "predicted_class",
    "predicted_probability",
    "predicted_redshift",
    "checkpoint",
    "spectra",
    "simulated",
)


def vetted(
    user: User, *, since: datetime | None = None, class_name: str = "", reviewer: str = ""
) -> ClassificationQuerySet:
    """Vetted classifications that stand before the user, newest first; ``since`` is inclusive."""
    rows: ClassificationQuerySet = Classification.objects.standing_before(user)
    rows = rows.select_related("transient", "decision__reviewer", "group").newest_first()
    if since is not None:
        rows = rows.filter(decided_at__gte=since)
    if class_name:
        rows = rows.filter(decision__class_name=class_name)
    if reviewer:
        rows = rows.filter(decision__reviewer__username=reviewer)
    return rows


def as_row(classification: Classification) -> dict[str, Any]:
    """One classification with its provenance: what was predicted, by which checkpoint, and which spectra were seen.

    redshift: the reviewer's; else the one known when the decision was taken; else the network's. redshift_origin says
    which."""
    decision, transient = classification.decision, classification.transient
    seen = decision.prediction_seen
    redshift, origin = decision.redshift, "reviewer"
    if redshift is None:
        redshift, origin = seen.get("known_redshift"), seen.get("known_redshift_origin")
    if redshift is None:
        redshift, origin = seen.get("redshift"), "network"
    return {
        "id": decision.pk,
        "transient": transient.name,
        "class_name": decision.class_name,
        "redshift": redshift,
        "redshift_origin": None if redshift is None else origin,
        "ra": transient.ra,
        "dec": transient.dec,
        "verdict": decision.verdict,
        "reviewer": decision.reviewer.get_username(),
        "decided_at": iso(classification.decided_at),
        "comment": decision.comment,
        "group": classification.group.name if classification.group else None,
        "predicted_class": seen.get("class_name"),
        "predicted_probability": seen.get("probability"),
        "predicted_redshift": seen.get("redshift"),
        "checkpoint": seen.get("checkpoint"),
        "spectra": decision.spectra_seen,
        "simulated": transient.simulated,
    }


def iso(moment: datetime | None) -> str | None:
    """UTC, ISO 8601, with a Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def csv_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A header and a line for each row. A cell that a spreadsheet would run as a formula gets a leading quote."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
