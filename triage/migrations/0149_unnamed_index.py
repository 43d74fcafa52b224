"""An index of the spectra that wait for a name; on Postgres made while the desk writes on."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0148_facts'),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name='spectrum',
            index=models.Index(condition=models.Q(('transient__isnull', True)), fields=['id'], name='spectrum_unnamed'),
        ),
    ]
