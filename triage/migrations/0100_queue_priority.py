import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0092_fill_queue'),
    ]

    operations = [
        migrations.AddField(
            model_name='queueentry',
            name='contradiction',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='queueentry',
            name='priority',
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='queueentry',
            name='spectrum',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='queue_entries', to='triage.spectrum'),
        ),
    ]
