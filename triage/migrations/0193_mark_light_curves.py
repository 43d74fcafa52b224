"""The transients with a light curve are due for their first brightness; a worker computes them."""

from django.db import migrations

CHUNK = 2000


def mark(apps, schema_editor):
    photometry, due = apps.get_model('triage', 'Photometry'), apps.get_model('triage', 'BrightnessDue')
    transients = photometry.objects.order_by('transient').values_list('transient', flat=True).distinct()
    last = 0
    while chunk := list(transients.filter(transient__gt=last)[:CHUNK]):
        last = chunk[-1]
        due.objects.bulk_create([due(transient_id=pk) for pk in chunk], ignore_conflicts=True)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0192_brightness'),
    ]

    operations = [
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
