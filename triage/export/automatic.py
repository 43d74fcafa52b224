"""Automatic classifications as they leave the desk, each marked and with the conditions of its policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, QuerySet

from triage.export import classifications
from triage.export.classifications import CHUNK, COLUMNS, LONG, Wanted, described, iso, measured
from triage.models import AutomaticClassification, Classification, QueueEntry
from triage.models.automatic_classification import AutomaticClassificationQuerySet
from triage.models.blind_sample import owes_blind_vote

MARKED_COLUMNS = (*COLUMNS, "automatic", "conditions")
GUESSES = {"guesses": F("prediction__spectrum__receipt__guesses")}


def standing(user: User, wanted: Wanted) -> AutomaticClassificationQuerySet:
    """Return the automatic classifications that stand and that the user may see, newest first.

    A transient has one row at most, the newest, and none while it still waits for the user. What people decided, as the
    user sees it, comes before them. A filter by reviewer lets none through.
    """
    here = {"transient": OuterRef("transient")}
    rows = AutomaticClassification.objects.visible_to(user).standing()
    decided = Classification.objects.filter(**here).visible_to(user)
    waiting = QueueEntry.objects.filter(**here).visible_to(user).left_to_people()
    newer = rows.filter(**here, pk__gt=OuterRef("pk"))
    rows = rows.filter(~Exists(decided), ~Exists(waiting), ~Exists(newer), ~owes_blind_vote(user))
    if wanted.reviewer:
        return rows.none()
    lookups = {
        "class_name": wanted.class_name,
        "transient__name": wanted.transient,
        "transient__name__icontains": wanted.name,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
    }
    rows = rows.filter(**{path: value for path, value in lookups.items() if value})
    if wanted.simulated is not None:
        rows = rows.filter(transient__simulated=wanted.simulated)
    rows = rows.select_related("transient", "group", "run__group", "prediction__spectrum")
    rows = rows.defer(*(f"prediction__spectrum__{column}" for column in LONG))
    return rows.annotate(**GUESSES).order_by("-created_at", "-id")


def all_rows(tables: Iterable[QuerySet[Any]]) -> Iterator[dict[str, Any]]:
    """Return all rows of these tables, one after the other, with only CHUNK of them in memory at a time."""
    return (as_row(row) for rows in tables for row in rows.iterator(chunk_size=CHUNK))


def as_row(entry: Classification | AutomaticClassification) -> dict[str, Any]:
    """Return a classification of people or of a policy; the keys are MARKED_COLUMNS.

    Nobody reviewed what a policy classified, so it has no decision.
    """
    if isinstance(entry, Classification):
        return classifications.as_row(entry) | {"automatic": False, "conditions": None}
    return {
        **described(entry.class_name, None, entry.prediction_seen, entry.transient, entry.group),
        "id": None,
        "verdict": None,
        "reviewer": None,
        "decided_at": iso(entry.created_at),
        "comment": "",
        **measured(entry.prediction.spectrum, entry.guesses, entry.group),
        "spectra": [entry.prediction.spectrum_id],
        "automatic": True,
        "conditions": entry.run.policy.in_words,
    }
