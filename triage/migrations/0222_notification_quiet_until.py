from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0221_machine_users'),
    ]

    operations = [
        migrations.AddField(
            model_name='notificationpreference',
            name='quiet_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
