"""The keys of the names that are there, and on Postgres an index of their trigrams; made while the desk writes on."""

from django.db import migrations
from django.db.utils import DatabaseError

from classifier.names import name_key

CHUNK = 2000
INDEXES = {'transient_key_part': 'triage_transient', 'other_name_key_part': 'triage_othername'}


def fill(apps, schema_editor):
    for model in (apps.get_model('triage', 'Transient'), apps.get_model('triage', 'OtherName')):
        last = 0
        while chunk := list(model.objects.filter(pk__gt=last).order_by('pk').only('pk', 'name')[:CHUNK]):
            last = chunk[-1].pk
            for record in chunk:
                record.key = name_key(record.name)[:160]
            model.objects.bulk_update(chunk, ['key'])


def index(apps, schema_editor):
    """Without the extension, the search reads all keys."""
    if schema_editor.connection.vendor != 'postgresql':
        return
    try:
        schema_editor.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')
    except DatabaseError as error:
        print(f' no index for parts of names: {error}', end='')
        return
    for name, table in INDEXES.items():
        # The expression is the one that Django writes for contains.
        schema_editor.execute(
            f'CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} USING gin ((key::text) gin_trgm_ops)'
        )


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == 'postgresql':
        for name in INDEXES:
            schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS {name}')


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0144_name_keys'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(index, drop_index),
    ]
