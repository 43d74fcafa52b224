"""The index from which agreement reads the latest votes after somebody else's; on Postgres made while the desk writes on."""

from django.db import migrations, models

from triage.migrations._indexes import AddIndexBesideWrites, RemoveIndexBesideWrites


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("triage", "0266_file_name_search"),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name="decision",
            index=models.Index(condition=models.Q(("joins", True)), fields=["-id"], name="decision_joined_latest"),
        ),
        RemoveIndexBesideWrites(model_name="decision", name="decision_joined"),
    ]
