"""Facts that people correct later: observer, host, and a record of each correction."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0147_group_settings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='spectrum',
            name='observer',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
        migrations.AddField(
            model_name='transient',
            name='host',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
        migrations.AlterField(
            model_name='spectrumact',
            name='kind',
            field=models.CharField(choices=[('corrected', 'read again'), ('discarded', 'discarded'), ('restored', 'restored'), ('moved', 'moved'), ('facts', 'corrected')], max_length=12),
        ),
        migrations.CreateModel(
            name='TransientAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('detail', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='acts', to='triage.transient')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
    ]
