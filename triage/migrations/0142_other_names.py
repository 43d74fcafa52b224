"""Other names become rows that say who knows them.

The column of before stays in the table for one release, with a default of the database's: processes of the old release
still write it, those of the new one no more."""

import django.db.models.deletion
from django.db import migrations, models

CHUNK = 2000


def copy(apps, schema_editor):
    """Those of a transient that only one group sees were learnt there."""
    Transient, OtherName = apps.get_model("triage", "Transient"), apps.get_model("triage", "OtherName")
    Spectrum = apps.get_model("triage", "Spectrum")
    named = Transient.objects.exclude(aliases=[]).order_by("pk")
    last = 0
    while chunk := dict(named.filter(pk__gt=last).values_list("pk", "aliases")[:CHUNK]):
        last = max(chunk)
        audiences = {}
        for transient, group in Spectrum.objects.filter(transient__in=chunk).values_list("transient", "group"):
            audiences.setdefault(transient, set()).add(group)
        OtherName.objects.bulk_create(
            OtherName(transient_id=pk, group_id=_only(audiences.get(pk, set())), name=name[:120])
            for pk, names in chunk.items()
            for name in dict.fromkeys(names)
        )


def _only(audiences):
    return next(iter(audiences)) if len(audiences) == 1 else None


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('triage', '0141_token_made_by'),
    ]

    operations = [
        migrations.CreateModel(
            name='OtherName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='auth.group')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='other_names', to='triage.transient')),
            ],
            options={
                'ordering': ('id',),
                'indexes': [models.Index(fields=['name'], name='other_name_lookup')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('group__isnull', True)), fields=('transient', 'name'), name='other_name_once_in_public'), models.UniqueConstraint(condition=models.Q(('group__isnull', False)), fields=('transient', 'name', 'group'), name='other_name_once_a_group')],
            },
        ),
        migrations.AlterField(
            model_name='transient',
            name='aliases',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.RunPython(copy, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name='transient', name='aliases')],
        ),
    ]
