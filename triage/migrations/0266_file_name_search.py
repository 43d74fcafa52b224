"""On Postgres parts of files' names are looked up in an index of their trigrams; made while the desk writes on."""

from django.db import migrations

INDEX = 'spectrum_file_name_part'


def add(apps, schema_editor):
    """Without the extension, which 0143 installs where it may, a search reads the names of all files."""
    if schema_editor.connection.vendor != 'postgresql':
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone() is None:
            return
    # An attempt that failed leaves an index behind that is of no use.
    remove(apps, schema_editor)
    schema_editor.execute(
        # The expression is the one that Django writes for icontains.
        f'CREATE INDEX CONCURRENTLY {INDEX} ON triage_spectrum USING gin (UPPER(filename::text) gin_trgm_ops)'
    )


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == 'postgresql':
        schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS {INDEX}')


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0265_name_rule'),
    ]

    operations = [
        migrations.RunPython(add, remove),
    ]
