"""Decisions tell whether others had decided before, and queue entries the class that the transient counts as."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("triage", "0230_without_host_light"),
    ]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="joins",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="queueentry",
            name="shown_class",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
    ]
