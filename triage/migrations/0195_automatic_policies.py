"""Audiences get automatic policies."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('triage', '0194_group_managers'),
    ]

    operations = [
        migrations.CreateModel(
            name='AutomaticPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('class_names', models.JSONField(default=list)),
                ('probability', models.FloatField(default=0.98)),
                ('novelty', models.FloatField(blank=True, null=True)),
                ('signal_to_noise', models.FloatField(blank=True, null=True)),
                ('template_agrees', models.BooleanField(default=True)),
                ('set_of_one', models.BooleanField(default=True)),
                ('share_for_people', models.FloatField(default=0.05)),
                ('allowed_false_rate', models.FloatField(default=0.01)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('group', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='automatic_policy', to='auth.group')),
            ],
            options={
                'verbose_name_plural': 'automatic policies',
                'constraints': [models.UniqueConstraint(django.db.models.functions.comparison.Coalesce('group', 0), name='one_automatic_policy_an_audience'), models.CheckConstraint(condition=models.Q(('allowed_false_rate__gt', 0), ('allowed_false_rate__lte', 1), ('probability__gt', 0), ('probability__lte', 1), ('share_for_people__gte', 0), ('share_for_people__lte', 1)), name='automatic_policy_has_shares')],
            },
        ),
    ]
