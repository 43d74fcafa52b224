"""What SkyPortal connections and ``ingest`` took in for a group belongs to a user of that group alone."""

from django.contrib.auth.hashers import make_password
from django.db import migrations

CHUNK = 1000


def divide(apps, schema_editor):
    users, spectra = apps.get_model('auth', 'User'), apps.get_model('triage', 'Spectrum')
    # Somebody may sign in as a user of such a name who has a password.
    for shared in users.objects.filter(username__in=('skyportal', 'ingest'), password__startswith='!'):
        private = spectra.objects.filter(uploaded_by=shared, group__isnull=False)
        for group in set(private.values_list('group', flat=True)):
            own, made = users.objects.get_or_create(
                username=f'{shared.username}-{group}', defaults={'password': make_password(None)}
            )
            if not made and (own.last_login or not own.password.startswith('!')):
                continue
            own.groups.set([group])
            while chunk := list(private.filter(group=group).order_by('pk').values_list('pk', flat=True)[:CHUNK]):
                spectra.objects.filter(pk__in=chunk).update(uploaded_by=own)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0220_noise_of_earlier_readings'),
    ]

    operations = [
        migrations.RunPython(divide, migrations.RunPython.noop),
    ]
