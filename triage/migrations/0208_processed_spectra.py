"""An index of the spectra by the time at which they were processed; on Postgres made while the desk writes on."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0207_instrument_search'),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name='spectrum',
            index=models.Index(fields=['state', '-processed_at'], name='spectrum_state_processed'),
        ),
    ]
