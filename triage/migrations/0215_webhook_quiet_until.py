from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0208_processed_spectra'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhook',
            name='quiet_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
