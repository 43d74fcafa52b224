"""The rule for a transient's name stands in one function. Nothing changes in the database."""

import triage.models.names
from django.db import migrations, models

NAME = models.CharField(max_length=120, unique=True, validators=[triage.models.names.validate_transient_name])


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0251_fill_audience_of_spectrum_acts'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.AlterField(model_name='transient', name='name', field=NAME)],
        ),
    ]
