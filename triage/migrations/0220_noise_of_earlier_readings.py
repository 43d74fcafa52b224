"""Spectra that were read before the reader warned of noise get its warning, as the review page measured it."""

from django.db import migrations

from classifier.signal_to_noise import NO_CLASS, signal_to_noise
from triage.models.arrays import unpack

CHUNK = 200


def warn(apps, schema_editor):
    stored, spectra = apps.get_model('triage', 'SpectrumArrays'), apps.get_model('triage', 'Spectrum')
    last = 0
    while chunk := list(stored.objects.filter(pk__gt=last).order_by('pk')[:CHUNK]):
        last = chunk[-1].pk
        read = spectra.objects.only('reading', 'receipt').in_bulk([arrays.pk for arrays in chunk])
        for arrays in chunk:
            error = None if arrays.flux_error is None else unpack(arrays.flux_error)
            signal = signal_to_noise(unpack(arrays.wavelength), unpack(arrays.flux), error)
            spectrum = read.get(arrays.pk)
            if spectrum is None:
                continue
            before = spectrum.receipt.get('warnings', [])
            warnings = [one for one in before if one['code'] not in NO_CLASS]
            if signal and signal.warning:
                warnings.append({'code': signal.warning, 'message': signal.message})
            if warnings != before:
                # A spectrum that was read again meanwhile has its warning, and what else was written stays.
                now = spectra.objects.filter(pk=spectrum.pk, reading=spectrum.reading, receipt=spectrum.receipt)
                now.update(receipt={**spectrum.receipt, 'warnings': warnings})


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0215_webhook_quiet_until'),
    ]

    operations = [
        migrations.RunPython(warn, migrations.RunPython.noop),
    ]
