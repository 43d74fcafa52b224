"""A comparison of classifications goes on in the next round, and a post remembers the groups that it went to."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0196_digests'),
    ]

    operations = [
        migrations.AddField(
            model_name='remoteclassification',
            name='remote_created',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='skyportalpost',
            name='shared_with',
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
        migrations.AddField(
            model_name='skyportalrun',
            name='compared_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='skyportalrun',
            name='missed',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
