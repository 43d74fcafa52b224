"""Indexes in the order of priority; on Postgres made while the desk writes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class AddIndexBesideWrites(AddIndexConcurrently):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        else:
            migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
        else:
            migrations.AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)


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
