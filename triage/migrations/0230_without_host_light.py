from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("triage", "0225_host_light")]

    operations = [
        migrations.AddField("prediction", "without_host_light", models.FloatField(blank=True, null=True)),
    ]
