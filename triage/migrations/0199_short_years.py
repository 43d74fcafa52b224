"""Names such as sn94D get the key of SN 1994D.

A transient keeps its old key if its audience has another transient of the new one. It is found by its exact name then.
"""

from django.db import migrations

from classifier.names import name_key

CHUNK = 2000


def fill(apps, schema_editor):
    for name in ('Transient', 'OtherName'):
        model = apps.get_model('triage', name)
        for record in model.objects.filter(key__startswith='sn').order_by('pk').iterator(chunk_size=CHUNK):
            key = name_key(record.name)
            if name == 'Transient' and model.objects.filter(key=key, group=record.group_id).exists():
                continue
            model.objects.filter(pk=record.pk).update(key=key)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0198_left_out_of_library'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
