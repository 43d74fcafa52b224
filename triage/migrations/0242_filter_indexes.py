"""Indexes that the filters of the queue and the agreement are answered from; on Postgres made while the desk writes on."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("triage", "0241_fill_joined_and_shown"),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name="spectrum",
            index=models.Index(fields=["transient", "group", "instrument", "created_at"], name="spectrum_filtered"),
        ),
        AddIndexBesideWrites(
            model_name="spectrum",
            index=models.Index(fields=["created_at", "transient", "group"], name="spectrum_arrived"),
        ),
        AddIndexBesideWrites(
            model_name="queueentry",
            index=models.Index(fields=["shown_class", "state", "-arrived_at", "-transient"], name="queue_class"),
        ),
        AddIndexBesideWrites(
            model_name="decision",
            index=models.Index(condition=models.Q(("joins", True)), fields=["transient"], name="decision_joined"),
        ),
    ]
