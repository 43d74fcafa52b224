"""The queue's entries begin with all that waits and stands now; see triage.queue.entries."""

from collections import Counter, defaultdict

from django.db import migrations

CHUNK = 2000


def fill(apps, schema_editor):
    """One entry for each transient and audience: its surest prediction, and what stands."""
    Entry, Transient = apps.get_model("triage", "QueueEntry"), apps.get_model("triage", "Transient")
    last = 0
    while chunk := dict(Transient.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "created_at")[:CHUNK]):
        last = max(chunk)
        found = _predicted(apps, chunk)
        for row in apps.get_model("triage", "Classification").objects.filter(transient__in=chunk).order_by().values(
            "transient", "group", "pk", "state", "decision__class_name", "decided_at"
        ):
            found[row["transient"], row["group"]] |= {
                "state": row["state"],
                "class_name": row["decision__class_name"],
                "decided_at": row["decided_at"],
                "classification": row["pk"],
            }
        number = Counter(transient for transient, _ in found)
        Entry.objects.bulk_create(
            Entry(
                transient_id=transient,
                group_id=group,
                **values,
                arrived_at=chunk[transient],
                shared=number[transient] > 1,
                waits="spectrum_id" in values
                and (number[transient] > 1 or values.get("state", "") in ("", "bad_spectrum")),
            )
            for (transient, group), values in found.items()
        )


def _predicted(apps, transients):
    found = defaultdict(dict)
    spectra = apps.get_model("triage", "Spectrum").objects.filter(
        transient__in=transients, rejected=False, current_prediction__isnull=False
    )
    # The surest comes last and stays.
    for row in spectra.order_by("-current_prediction__uncertainty", "id").values(
        "transient", "group", "pk", "current_prediction__class_name", "current_prediction__uncertainty"
    ):
        found[row["transient"], row["group"]] |= {
            "spectrum_id": row["pk"],
            "predicted_class": row["current_prediction__class_name"],
            "uncertainty": row["current_prediction__uncertainty"],
        }
    return found


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0091_queue_entries'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
