from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0242_filter_indexes'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.AddField(
            model_name='spectrumact',
            name='group',
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=models.deletion.PROTECT,
                related_name='+',
                to='auth.group',
            ),
        ),
    ]
