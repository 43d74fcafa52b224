"""The transients with a light curve are due again, for the new columns of their brightness."""

from importlib import import_module

from django.db import migrations

mark = import_module('triage.migrations.0193_mark_light_curves').mark


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0200_surprising_brightness'),
    ]

    operations = [
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
