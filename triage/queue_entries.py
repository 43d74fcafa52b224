"""Keeps the entries that the queue is read from in step with the spectra and classifications that they follow from.

Whoever changes a spectrum's current prediction, whether it is rejected, or what stands refreshes the entries of its
transient in the same transaction. These take turns on the transient's row, locked before any of its spectra: two that
lock them in different order would wait for each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from triage import value
from triage.models import Classification, QueueEntry, Spectrum, Transient
from triage.querysets import OPEN

CHUNK = 2000


def lock(transient_id: int | None) -> None:
    """Make others who would refresh this transient's entries wait until the transaction ends."""
    if transient_id is not None:
        list(Transient.objects.select_for_update(no_key=True).filter(pk=transient_id).values_list("pk"))


def refresh(transient_id: int | None) -> None:
    """Bring the entries of a transient up to date, within a transaction; None: a spectrum that has none."""
    if transient_id is None:
        return
    lock(transient_id)
    wanted = {entry.group_id: entry for entry in _entries([transient_id])}
    for entry in QueueEntry.objects.filter(transient=transient_id):
        if entry.group_id in wanted:
            wanted[entry.group_id].pk = entry.pk
        else:
            entry.delete()
    for entry in wanted.values():
        entry.save()


def rebuild() -> int:
    """All entries anew, some transients at a time, while the desk works on; returns how many there are."""
    last = count = 0
    while True:
        with transaction.atomic():
            found = Transient.objects.select_for_update(no_key=True).filter(pk__gt=last).order_by("pk")
            ids = list(found.values_list("pk", flat=True)[:CHUNK])
            if not ids:
                return count
            QueueEntry.objects.filter(transient__in=ids).delete()
            count += len(QueueEntry.objects.bulk_create(_entries(ids)))
        last = ids[-1]


def _entries(transients: Sequence[int]) -> list[QueueEntry]:
    """What the entries of these transients should be."""
    found: dict[tuple[int, int | None], dict[str, Any]] = defaultdict(dict)
    for audience, epochs in _predicted(transients).items():
        found[audience] |= _surest(epochs)
    standing = Classification.objects.filter(transient__in=transients).order_by()
    for transient, group, pk, state, class_name, decided_at in standing.values_list(
        "transient", "group", "pk", "state", "decision__class_name", "decided_at"
    ):
        stands = {"state": state, "class_name": class_name, "decided_at": decided_at, "classification": pk}
        found[transient, group] |= stands
    arrived = dict(Transient.objects.filter(pk__in={pk for pk, _ in found}).values_list("pk", "created_at"))
    number = Counter(pk for pk, _ in found)
    return [
        QueueEntry(
            transient_id=transient,
            group_id=group,
            **values,
            arrived_at=arrived[transient],
            shared=number[transient] > 1,
            # Of several entries each user sees others: whether it waits is then looked up.
            waits="spectrum_id" in values and (number[transient] > 1 or values.get("state", "") in OPEN),
        )
        for (transient, group), values in found.items()
    ]


def _predicted(transients: Sequence[int]) -> dict[tuple[int, int | None], list[dict[str, Any]]]:
    """Of each transient and audience the spectra that have a prediction, the surest first."""
    spectra = Spectrum.objects.filter(transient__in=transients, rejected=False, current_prediction__isnull=False)
    said = {name: F(f"current_prediction__{name}") for name in ("class_name", "uncertainty", "novelty", "crosscheck")}
    rows = spectra.order_by("current_prediction__uncertainty", "-id").annotate(**said)
    found: dict[tuple[int, int | None], list[dict[str, Any]]] = defaultdict(list)
    for row in rows.values("transient", "group", "pk", "created_at", *said):
        found[row["transient"], row["group"]].append(row)
    return found


def _surest(epochs: list[dict[str, Any]]) -> dict[str, Any]:
    """What an entry keeps of its audience's spectra."""
    contradiction = value.contradiction([(row["class_name"], row["uncertainty"]) for row in epochs])
    first = epochs[0]
    parts = value.contributions(
        first["class_name"], first["uncertainty"], first["novelty"], first["crosscheck"], contradiction
    )
    return {
        "spectrum_id": first["pk"],
        "predicted_class": first["class_name"],
        "uncertainty": first["uncertainty"],
        "contradiction": contradiction,
        "priority": value.priority(sum(parts.values()), first["created_at"]),
    }
