"""The priority of what waits now, some entries at a time, while the desk works on.

The formula is frozen here as it was in this release: triage.queue.priority may change, a migration may not.
"""

from collections import defaultdict
from datetime import datetime, timezone

from django.db import migrations, transaction
from django.db.models import F

CHUNK = 500
WEIGHTS = {"uncertainty": 0.4, "novelty": 0.2, "disagreement": 0.15, "rarity": 0.15, "contradiction": 0.1}
PER_DAY = 0.02
GOOD_MATCH = 12.0
NOVELTY_POWER = 23
DAY_0 = datetime(2020, 1, 1, tzinfo=timezone.utc)
# Classes that are not listed have the rarity 0.
RARITY = {
    "SN Ib": 0.57,
    "SN Ic": 0.49,
    "SN Ic-BL": 0.74,
    "SN IIb": 0.61,
    "SN Ibn": 0.82,
    "SN II": 0.22,
    "SN IIn": 0.52,
    "SLSN-I": 0.66,
    "SLSN-II": 1.0,
    "TDE": 0.55,
}


def fill(apps, schema_editor):
    Entry = apps.get_model("triage", "QueueEntry")
    last = 0
    while True:
        with transaction.atomic():
            rows = Entry.objects.select_for_update().filter(pk__gt=last, spectrum__isnull=False).order_by("pk")
            entries = list(rows[:CHUNK])
            if not entries:
                return
            epochs = _epochs(apps, {entry.transient_id for entry in entries})
            for entry in entries:
                _set_priority(entry, epochs[entry.transient_id, entry.group_id])
            Entry.objects.bulk_update(entries, ["contradiction", "priority"])
        last = entries[-1].pk


def _epochs(apps, transients):
    """Return the predicted spectra of each (transient id, group id), the surest first."""
    epochs = defaultdict(list)
    spectra = apps.get_model("triage", "Spectrum").objects.filter(
        transient__in=transients, rejected=False, current_prediction__isnull=False
    )
    predicted = {
        name: F(f"current_prediction__{name}") for name in ("class_name", "uncertainty", "novelty", "crosscheck")
    }
    rows = spectra.annotate(**predicted).order_by("uncertainty", "-id")
    for row in rows.values("transient", "group", "created_at", *predicted):
        epochs[row["transient"], row["group"]].append(row)
    return epochs


def _set_priority(entry, epochs):
    if not epochs:
        return
    surest = epochs[0]
    entry.contradiction = _contradiction(epochs)
    parts = {
        "uncertainty": surest["uncertainty"],
        "novelty": surest["novelty"] ** NOVELTY_POWER,
        "disagreement": _disagreement(surest["class_name"], surest["crosscheck"]),
        "rarity": RARITY.get(surest["class_name"], 0.0),
        "contradiction": entry.contradiction,
    }
    value = sum(weight * min(max(parts[name], 0.0), 1.0) for name, weight in WEIGHTS.items())
    entry.priority = value - PER_DAY * (surest["created_at"] - DAY_0).total_seconds() / 86_400.0


def _contradiction(epochs):
    surest = epochs[0]
    against = [1 - row["uncertainty"] for row in epochs if row["class_name"] != surest["class_name"]]
    return (1 - surest["uncertainty"]) * max(against) if against else 0.0


def _disagreement(class_name, crosscheck):
    if not crosscheck or crosscheck["class"] == class_name or crosscheck["score"] < GOOD_MATCH:
        return 0.0
    return min(float(crosscheck["score"]) / (2 * GOOD_MATCH), 1.0)


class Migration(migrations.Migration):

    # Each chunk is a transaction of its own.
    atomic = False

    dependencies = [
        ('triage', '0100_queue_priority'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
