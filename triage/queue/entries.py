"""Queue entries: the rows that the queue is read from, derived from spectra and classifications.

Code that changes a spectrum's current prediction, its rejection, its brightness, or a classification (a policy's too)
refreshes the entries of the transient in the same transaction. Such transactions take turns: each locks the transient's
row before any of its spectra. Locking in another order could make two of them wait for each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from triage.models import AutomaticClassification, Brightness, Classification, QueueEntry, Spectrum, Transient
from triage.models.classification import WAITING_STATES
from triage.models.queue_entry import AUTOMATIC
from triage.queue import priority

CHUNK = 2000


def lock(*transient_ids: int | None) -> None:
    """Lock the rows of transients until the transaction ends, so that nobody else refreshes their entries meanwhile.

    transient_ids: ids of the transients; None is skipped.
    """
    ids = {pk for pk in transient_ids if pk is not None}
    if ids:
        # Everybody locks in the order of ids. Locking in another order could make two wait for each other.
        list(Transient.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))


def refresh(transient_id: int | None) -> None:
    """Bring the entries of a transient up to date, within a transaction.

    transient_id: id of the transient, or None (a spectrum without one) to do nothing.
    """
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
    """Rebuild all entries in chunks and return their number. The desk can go on working meanwhile."""
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
    """Return the entries that these transients should have, one for each audience, not yet saved."""
    columns: dict[tuple[int, int | None], dict[str, Any]] = defaultdict(dict)
    surprises = _surprises(transients)
    for (transient, group), epochs in _predicted_epochs(transients).items():
        surprise = _surprise(surprises[epochs[0]["pk"]], group)
        columns[transient, group] |= _prediction_columns(epochs, surprise)
    automatic = AutomaticClassification.objects.filter(transient__in=transients).standing()
    for audience in automatic.values_list("transient", "group"):
        columns[audience]["state"] = AUTOMATIC
    classifications = Classification.objects.filter(transient__in=transients).order_by()
    for transient, group, pk, state, class_name, decided_at in classifications.values_list(
        "transient", "group", "pk", "state", "decision__class_name", "decided_at"
    ):
        decided = {"state": state, "class_name": class_name, "decided_at": decided_at, "classification": pk}
        columns[transient, group] |= decided
    arrived = dict(Transient.objects.filter(pk__in={pk for pk, _ in columns}).values_list("pk", "created_at"))
    number = Counter(pk for pk, _ in columns)
    return [
        QueueEntry(
            transient_id=transient,
            group_id=group,
            **values,
            arrived_at=arrived[transient],
            shown_class=values.get("class_name" if values.get("state") == "done" else "predicted_class", ""),
            shared=number[transient] > 1,
            # Users see different ones of several entries, so the query decides for each user whether it waits.
            waits="spectrum_id" in values and (number[transient] > 1 or values.get("state", "") in WAITING_STATES),
        )
        for (transient, group), values in columns.items()
    ]


def _predicted_epochs(transients: Sequence[int]) -> dict[tuple[int, int | None], list[dict[str, Any]]]:
    """Return the spectra with a prediction, without copies, the surest first, by transient and audience."""
    spectra = Spectrum.objects.filter(transient__in=transients, rejected=False).classified_originals()
    names = ("class_name", "uncertainty", "novelty", "crosscheck")
    rows = spectra.order_by("current_prediction__uncertainty", "-id")
    rows = rows.annotate(**{name: F(f"current_prediction__{name}") for name in names})
    epochs: dict[tuple[int, int | None], list[dict[str, Any]]] = defaultdict(list)
    for row in rows.values("transient", "group", "pk", "created_at", *names):
        epochs[row["transient"], row["group"]].append(row)
    return epochs


def _surprises(transients: Sequence[int]) -> dict[int, list[tuple[int | None, int, float | None]]]:
    """Return what light curves say about the current predictions, by spectrum: audience, measurements, surprise."""
    current = F("prediction__spectrum__current_prediction")
    rows = Brightness.objects.filter(prediction__spectrum__transient__in=transients, prediction=current).order_by()
    found: dict[int, list[tuple[int | None, int, float | None]]] = defaultdict(list)
    columns = ("prediction__spectrum", "group", "points", "surprise")
    for spectrum, group, points, surprise in rows.values_list(*columns):
        found[spectrum].append((group, points, surprise))
    return found


def _surprise(told: Sequence[tuple[int | None, int, float | None]], audience: int | None) -> float:
    """Return how much the brightness surprises one audience, from the light curves that it sees; 0 without any.

    Of several answers, the one with the most measurements counts, as in ``Prediction.brightness``.
    """
    seen = [(points, surprise or 0.0) for group, points, surprise in told if group in (None, audience)]
    return max(seen, default=(0, 0.0))[1]


def _prediction_columns(epochs: list[dict[str, Any]], surprise: float) -> dict[str, Any]:
    """Return the columns of an entry that follow from the predictions of its spectra.

    epochs: rows of ``_predicted_epochs``, the surest first.
    surprise: how much the brightness surprises, beside the surest one.
    """
    contradiction = priority.contradiction([(row["class_name"], row["uncertainty"]) for row in epochs])
    first = epochs[0]
    parts = priority.contributions(
        first["class_name"], first["uncertainty"], first["novelty"], first["crosscheck"], contradiction, surprise
    )
    return {
        "spectrum_id": first["pk"],
        "predicted_class": first["class_name"],
        "uncertainty": first["uncertainty"],
        "contradiction": contradiction,
        "priority": priority.priority(sum(parts.values()), first["created_at"]),
    }
