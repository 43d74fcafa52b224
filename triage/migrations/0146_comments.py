"""Spectra get the remark of their sender."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0145_fill_name_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='spectrum',
            name='comment',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
    ]
