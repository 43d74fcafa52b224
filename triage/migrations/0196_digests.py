"""Users can ask for the digest of each night."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0195_automatic_policies'),
    ]

    operations = [
        migrations.AddField(
            model_name='notificationpreference',
            name='digest',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name='notification',
            name='kind',
            field=models.CharField(choices=[('novelty', 'unlike the known ones'), ('second_opinion', 'your opinion is asked for'), ('disputed', 'disputed'), ('mention', 'you are mentioned'), ('sync_failing', 'a sync fails'), ('digest', 'digest of the night'), ('test', 'a test')], max_length=14),
        ),
    ]
