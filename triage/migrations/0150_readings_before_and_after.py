"""Each act of reading a file again tells the corrections before and after it, as acts on facts do."""

from django.db import migrations


def tell_before(apps, schema_editor):
    SpectrumAct = apps.get_model('triage', 'SpectrumAct')
    spectrum, known = None, {}
    readings = SpectrumAct.objects.using(schema_editor.connection.alias).filter(kind='corrected')
    for act in readings.order_by('spectrum_id', 'id').iterator(500):
        if act.spectrum_id != spectrum:
            spectrum, known = act.spectrum_id, {}
        if any(isinstance(value, list) for value in act.detail.values()):
            # An interrupted run came this far.
            changed = {**known, **{name: after for name, (_, after) in act.detail.items()}}
            known = {name: value for name, value in changed.items() if value is not None}
            continue
        before, known = known, act.detail
        names = sorted({*before, *known})
        act.detail = {name: [before.get(name), known.get(name)] for name in names if before.get(name) != known.get(name)}
        act.save(update_fields=['detail'])


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0149_unnamed_index'),
    ]

    operations = [
        migrations.RunPython(tell_before, migrations.RunPython.noop),
    ]
