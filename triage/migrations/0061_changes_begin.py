"""The sequence of changes begins with all that is vetted now."""

import itertools

from django.db import migrations


def begin_with_what_stands(apps, schema_editor):
    """The sequence begins with all that is vetted now, in the order in which it was decided."""
    classifications = apps.get_model("triage", "Classification").objects.filter(vetted=True).order_by("decided_at", "id")
    changes = apps.get_model("triage", "ClassificationChange").objects
    rows = (
        changes.model(transient_id=row.transient_id, group_id=row.group_id, decision_id=row.decision_id, withdrawn=False)
        for row in classifications.iterator(chunk_size=2000)
    )
    while batch := list(itertools.islice(rows, 2000)):
        changes.bulk_create(batch)


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0060_classification_changes'),
    ]

    operations = [
        migrations.RunPython(begin_with_what_stands, migrations.RunPython.noop),
    ]
