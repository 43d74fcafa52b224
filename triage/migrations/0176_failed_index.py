"""Index of the spectra that could not be classified, which every page of the queue counts."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('triage', '0175_named_matches'),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name='spectrum',
            index=models.Index(fields=['group', 'transient'], name='spectrum_failed', condition=models.Q(state='failed')),
        ),
    ]
