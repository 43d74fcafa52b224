"""The priority of what waits now, some entries at a time, while the desk works on; see triage.value."""

from collections import defaultdict

from django.db import migrations, transaction
from django.db.models import F

from triage import value

CHUNK = 500


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
                _value(entry, epochs[entry.transient_id, entry.group_id])
            Entry.objects.bulk_update(entries, ["contradiction", "priority"])
        last = entries[-1].pk


def _epochs(apps, transients):
    """Of each transient and audience the spectra that have a prediction, the surest first."""
    found = defaultdict(list)
    spectra = apps.get_model("triage", "Spectrum").objects.filter(
        transient__in=transients, rejected=False, current_prediction__isnull=False
    )
    said = {name: F(f"current_prediction__{name}") for name in ("class_name", "uncertainty", "novelty", "crosscheck")}
    for row in spectra.annotate(**said).order_by("uncertainty", "-id").values("transient", "group", "created_at", *said):
        found[row["transient"], row["group"]].append(row)
    return found


def _value(entry, epochs):
    if not epochs:
        return
    first = epochs[0]
    entry.contradiction = value.contradiction([(row["class_name"], row["uncertainty"]) for row in epochs])
    parts = value.contributions(
        first["class_name"], first["uncertainty"], first["novelty"], first["crosscheck"], entry.contradiction
    )
    entry.priority = value.priority(sum(parts.values()), first["created_at"])


class Migration(migrations.Migration):

    # Each chunk is a transaction of its own.
    atomic = False

    dependencies = [
        ('triage', '0100_queue_priority'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
