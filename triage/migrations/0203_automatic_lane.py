"""Automatic policies classify: their runs, what they classified, and the transients that people see blind."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('triage', '0202_simulated_and_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='queueentry',
            name='state',
            field=models.CharField(blank=True, choices=[('done', 'vetted'), ('second_opinion', 'second opinion wanted'), ('disputed', 'disputed'), ('unsure', 'unsure'), ('bad_spectrum', 'bad spectrum'), ('automatic', 'automatic')], max_length=16),
        ),
        migrations.CreateModel(
            name='AutomaticRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('conditions', models.JSONField()),
                ('checkpoint', models.CharField(max_length=64)),
                ('limit', models.PositiveIntegerField(blank=True, null=True)),
                ('vetted', models.PositiveIntegerField()),
                ('disagreed', models.PositiveIntegerField()),
                ('began_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('recalled', models.BooleanField(default=False)),
                ('began_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='AutomaticClassification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('class_name', models.CharField(max_length=60)),
                ('prediction_seen', models.JSONField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('prediction', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='automatic_classification', to='triage.prediction')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='automatic_classifications', to='triage.transient')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='classifications', to='triage.automaticrun')),
            ],
            options={
                'ordering': ('-created_at', '-id'),
            },
        ),
        migrations.CreateModel(
            name='BlindSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('class_name', models.CharField(max_length=60)),
                ('passed', models.BooleanField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('prediction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triage.prediction')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='samples', to='triage.automaticrun')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blind_samples', to='triage.transient')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.AddConstraint(
            model_name='automaticrun',
            constraint=models.UniqueConstraint(django.db.models.functions.comparison.Coalesce('group', 0), condition=models.Q(('ended_at__isnull', True)), name='one_automatic_run_an_audience'),
        ),
        migrations.AddIndex(
            model_name='automaticclassification',
            index=models.Index(fields=['-created_at', '-id'], name='automatic_newest'),
        ),
        migrations.AddConstraint(
            model_name='blindsample',
            constraint=models.UniqueConstraint(fields=('run', 'transient', 'passed'), name='one_blind_sample_a_transient'),
        ),
    ]
