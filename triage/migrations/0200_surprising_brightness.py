"""Brightness: how much it surprises, and how bright the transient was when the spectrum was taken."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0199_short_years'),
    ]

    operations = [
        migrations.AddField('brightness', 'absolute_then', models.FloatField(blank=True, null=True)),
        migrations.AddField('brightness', 'absolute_then_error', models.FloatField(blank=True, null=True)),
        migrations.AddField('brightness', 'surprise', models.FloatField(blank=True, null=True)),
    ]
