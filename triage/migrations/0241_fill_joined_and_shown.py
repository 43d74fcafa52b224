"""Fills the new columns of decisions and queue entries, in batches."""

from django.db import migrations
from django.db.models import Case, Exists, F, Max, OuterRef, When

BATCH = 20_000


def fill(apps, schema_editor):
    decision, entry = apps.get_model("triage", "Decision"), apps.get_model("triage", "QueueEntry")
    earlier = decision.objects.filter(transient=OuterRef("transient"), pk__lt=OuterRef("pk"))
    by_another = Exists(earlier.exclude(reviewer=OuterRef("reviewer")))
    for rows in _batches(decision.objects.order_by()):
        rows.filter(by_another).update(joins=True)
    counted = Case(When(state="done", then=F("class_name")), default=F("predicted_class"))
    for rows in _batches(entry.objects.order_by()):
        rows.update(shown_class=counted)


def _batches(rows):
    last = rows.aggregate(last=Max("pk"))["last"] or 0
    return (rows.filter(pk__gt=first, pk__lte=first + BATCH) for first in range(0, last, BATCH))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("triage", "0240_joined_and_shown"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
