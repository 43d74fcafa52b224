"""An index of the spectra that wait, by sender; on Postgres made while the desk writes on."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0204_policy_off'),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name='spectrum',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['uploaded_by', 'id'], name='spectrum_turns'),
        ),
    ]
