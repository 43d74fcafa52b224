"""Indexes in the order of priority; on Postgres made while the desk writes on."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0101_fill_queue_priority'),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name='queueentry',
            index=models.Index(condition=models.Q(('waits', True)), fields=['-priority', 'transient'], name='queue_priority'),
        ),
        AddIndexBesideWrites(
            model_name='queueentry',
            index=models.Index(condition=models.Q(('waits', True)), fields=['predicted_class', '-priority', 'transient'], name='queue_priority_class'),
        ),
        migrations.RemoveIndex(
            model_name='queueentry',
            name='queue_waiting_class',
        ),
    ]
