"""On Postgres parts of names are looked up in an index of their trigrams; made while the desk writes on."""

from django.db import migrations
from django.db.utils import DatabaseError

INDEXES = {"transient_name_part": "triage_transient", "other_name_part": "triage_othername"}


def add(apps, schema_editor):
    """Without the right to install the extension, or where the server has it not, the search reads all names."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        print(f" no index for parts of names: {error}", end="")
        return
    for index, table in INDEXES.items():
        schema_editor.execute(
            # As Django writes icontains.
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} ON {table} USING gin (UPPER(name::text) gin_trgm_ops)"
        )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for index in INDEXES:
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0142_other_names'),
    ]

    operations = [
        migrations.RunPython(add, remove),
    ]
