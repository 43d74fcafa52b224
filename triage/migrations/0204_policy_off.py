"""Keepers of an automatic policy can be told that it switched itself off."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0203_automatic_lane'),
    ]

    operations = [
        migrations.AddField(
            model_name='notificationpreference',
            name='policy_off',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AlterField(
            model_name='notification',
            name='kind',
            field=models.CharField(choices=[('novelty', 'unlike the known ones'), ('second_opinion', 'your opinion is asked for'), ('disputed', 'disputed'), ('mention', 'you are mentioned'), ('sync_failing', 'a sync fails'), ('policy_off', 'a policy is off'), ('digest', 'digest of the night'), ('test', 'a test')], max_length=14),
        ),
    ]
