"""The group that stands for one user is called by the words that the pages have for it."""

import re
from urllib.parse import parse_qsl, urlencode

from django.db import migrations


def rename(apps, schema_editor):
    group_settings, groups = apps.get_model("triage", "GroupSettings"), apps.get_model("auth", "Group")
    renamed = {}
    for row in group_settings.objects.filter(person__isnull=False).select_related("group", "person"):
        person = row.person.username[:120]
        # A name that somebody has given it since stays.
        if not re.fullmatch(rf"{re.escape(person)} alone( \d+)?", row.group.name):
            continue
        name = f"only me ({person})"
        if groups.objects.filter(name=name).exists():
            continue
        renamed[row.group.name] = row.group.name = name
        row.group.save(update_fields=["name"])
    for view in apps.get_model("triage", "SavedView").objects.filter(query__contains="alone"):
        asked = parse_qsl(view.query.removeprefix("?"), keep_blank_values=True)
        changed = [(key, renamed.get(value, value) if key == "group" else value) for key, value in asked]
        view.query = f"?{urlencode(changed)}"
        view.save(update_fields=["query"])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('triage', '0205_queued_of_sender'),
    ]

    operations = [migrations.RunPython(rename, migrations.RunPython.noop)]
