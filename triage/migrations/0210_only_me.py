"""The group that stands for one user is called by the words that the pages have for it."""

from django.db import migrations


def rename(apps, schema_editor):
    own = apps.get_model("triage", "GroupSettings").objects.filter(person__isnull=False)
    for row in own.select_related("group", "person"):
        person = row.person.username[:120]
        # A name that somebody has given it since stays.
        if row.group.name == f"{person} alone":
            row.group.name = f"only me ({person})"
            row.group.save(update_fields=["name"])


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0205_queued_of_sender'),
    ]

    operations = [migrations.RunPython(rename, migrations.RunPython.noop)]
