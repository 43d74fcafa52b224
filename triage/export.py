"""Vetted classifications as they leave the desk: those that stand, or what has changed since a reader last looked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Exists, Max, OuterRef, Q

from classifier.taxonomy import load_taxonomy
from triage.models import Classification, ClassificationChange, Decision, Transient
from triage.querysets import ClassificationQuerySet, SharedQuerySet, owed_by

COLUMNS = (
    "id",
    "transient",
    "class_name",
    "redshift",
    "redshift_error",
    "redshift_source",
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
CHANGE_COLUMNS = (*COLUMNS, "sequence", "withdrawn", "changed_at")
# What a reviewer whose own vote is wanted is not told of a withdrawn one.
SAID = (
    "class_name",
    "redshift",
    "redshift_error",
    "redshift_source",
    "redshift_origin",
    "verdict",
    "reviewer",
    "comment",
    "predicted_class",
    "predicted_probability",
    "predicted_redshift",
    "checkpoint",
)
# Rows held at a time while a whole table streams out.
CHUNK = 1000


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which classifications a reader asks for; "" or None: any. since: decided then or later."""

    since: datetime | None = None
    class_name: str = ""
    reviewer: str = ""
    transient: str = ""

    def filter(self) -> Q:
        """All but the time, on anything that has a decision and a transient."""
        given = {
            "decision__class_name": self.class_name,
            "decision__reviewer__username": self.reviewer,
            "transient__name": self.transient,
        }
        return Q(**{path: value for path, value in given.items() if value})


def vetted(user: User, wanted: Wanted) -> ClassificationQuerySet:
    """Vetted classifications that stand before the user, newest first."""
    rows: ClassificationQuerySet = Classification.objects.standing_before(user).filter(wanted.filter())
    if wanted.since is not None:
        rows = rows.filter(decided_at__gte=wanted.since)
    return rows.select_related("transient", "decision__reviewer", "group").newest_first()


def changes_after(user: User, sequence: int, wanted: Wanted) -> SharedQuerySet:
    """What began to stand, or stands no more, before the user's audiences after that number, in its order.

    Of a transient on which the user still owes a blind vote nothing is told that has been withdrawn since, as a vote of
    the round may have been; its withdrawal, hidden, names the row alone, whatever is filtered for."""
    stands = Classification.objects.filter(decision=OuterRef("decision"), vetted=True)
    rows: SharedQuerySet = ClassificationChange.objects.visible_to(user).filter(pk__gt=sequence)
    rows = rows.annotate(hidden=Exists(owed_by(user)) & ~Exists(stands))
    withdrawn = Q(hidden=True, withdrawn=True) & Wanted(transient=wanted.transient).filter()
    rows = rows.filter((Q(hidden=False) & wanted.filter()) | withdrawn)
    return rows.select_related("transient", "decision__reviewer", "group").order_by("id")


def last_sequence(user: User) -> int:
    """The number of the newest change that the user may see; whatever comes later has a greater one."""
    found: int | None = ClassificationChange.objects.visible_to(user).aggregate(last=Max("pk"))["last"]
    return found or 0


def was_given_out(sequence: int) -> bool:
    """False for a number beyond all changes, as after a restored backup."""
    return sequence == 0 or ClassificationChange.objects.filter(pk__gte=sequence).exists()


def all_rows(rows: ClassificationQuerySet | SharedQuerySet) -> Iterator[dict[str, Any]]:
    """Every row of a table, a few at a time in memory."""
    return (as_row(row) for row in rows.iterator(chunk_size=CHUNK))


def as_row(entry: Classification | ClassificationChange) -> dict[str, Any]:
    """One classification with its provenance; of a change, with its place in the sequence too."""
    row = _row(entry.decision, entry.transient, entry.group)
    if isinstance(entry, ClassificationChange):
        if entry.hidden:  # type: ignore[attr-defined]
            row |= dict.fromkeys(SAID)
        row |= {"sequence": entry.pk, "withdrawn": entry.withdrawn, "changed_at": iso(entry.changed_at)}
    return row


def _row(decision: Decision, transient: Transient, group: Group | None) -> dict[str, Any]:
    """What was decided, what was predicted then, by which checkpoint, and which spectra were seen.

    redshift: see _redshift."""
    seen = decision.prediction_seen
    return {
        "id": decision.pk,
        "transient": transient.name,
        "class_name": decision.class_name,
        **_redshift(decision),
        "ra": transient.ra,
        "dec": transient.dec,
        "verdict": decision.verdict,
        "reviewer": decision.reviewer.get_username(),
        "decided_at": iso(decision.created_at),
        "comment": decision.comment,
        "group": group.name if group else None,
        "predicted_class": seen.get("class_name"),
        "predicted_probability": _rounded(seen.get("probability")),
        "predicted_redshift": _rounded(seen.get("redshift")),
        "checkpoint": seen.get("checkpoint"),
        "spectra": decision.spectra_seen,
        "simulated": transient.simulated,
    }


def _redshift(decision: Decision) -> dict[str, Any]:
    """redshift, its error (1σ, None where nobody said), source: "given", "network" or "template", and origin, who gave
    it; all None if unknown.

    The reviewer's counts; else the one known when the decision was taken; else the network's, if the decision is for a
    class of the group that it spoke of; else that of a template match of the class that was decided, if it was rarely
    chance. What lies in our Galaxy has none but a given one."""
    seen = decision.prediction_seen
    template = seen.get("template") or {}
    of_class = template.get("redshift") if template.get("class_name") == decision.class_name else None
    said = (seen.get("redshift"), seen.get("redshift_error"))
    group = _group(decision.class_name)
    if group != _group(seen.get("class_name")):
        said = (None, None)
    if group == "Galactic":
        said, of_class = (None, None), None
    found = (
        (decision.redshift, None, "given", "reviewer"),
        (seen.get("known_redshift"), seen.get("known_redshift_error"), "given", seen.get("known_redshift_origin")),
        (*map(_rounded, said), "network", "network"),
        (_rounded(of_class), None, "template", "template"),
    )
    best = next((one for one in found if one[0] is not None), (None,) * 4)
    return dict(zip(("redshift", "redshift_error", "redshift_source", "redshift_origin"), best, strict=True))


def _group(class_name: str | None) -> str | None:
    found = load_taxonomy().find(class_name or "")
    return found.group if found else None


def _rounded(value: float | None) -> float | None:
    """What a network or a fit gives means nothing beyond the fifth decimal."""
    return None if value is None else round(value, 5)


def iso(moment: datetime | None) -> str | None:
    """UTC, ISO 8601, with a Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
