"""Indexes of the keys of names; on Postgres made while the desk writes on."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0172_one_transient_a_key'),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name='othername', index=models.Index(fields=['key'], name='other_name_key')
        ),
        AddIndexBesideWrites(
            model_name='transient', index=models.Index(fields=['key'], name='transient_key')
        ),
    ]
