"""Index of the simulated spectra, which every page asks for; names of a SkyPortal's groups and instruments."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('triage', '0201_measure_light_curves_again'),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name='spectrum',
            index=models.Index(fields=['group'], name='spectrum_simulated', condition=models.Q(simulated=True)),
        ),
        migrations.AddField(
            model_name='skyportalinstance',
            name='remote_names',
            field=models.JSONField(blank=True, default=dict, db_default={}),
        ),
    ]
