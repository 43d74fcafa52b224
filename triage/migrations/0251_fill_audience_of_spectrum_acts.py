"""Each act on a spectrum is given to the audience that saw the spectrum then."""

from collections import defaultdict

from django.db import migrations
from django.db.models import Max

# Number of spectra. All acts on one spectrum come in one batch.
BATCH = 1_000


def fill(apps, schema_editor):
    acts, groups = apps.get_model('triage', 'SpectrumAct').objects, apps.get_model('auth', 'Group').objects
    last = acts.aggregate(last=Max('spectrum'))['last'] or 0
    for first in range(0, last, BATCH):
        rows = acts.filter(spectrum__gt=first, spectrum__lte=first + BATCH)
        for audience, given in _by_audience(rows, groups).items():
            acts.filter(pk__in=given).update(group=audience)


def _by_audience(rows, groups):
    """Return the ids of the acts that have no group and need one, by the group's id."""
    audiences, given = {}, defaultdict(list)
    newest_first = rows.order_by('-pk').values_list('pk', 'group', 'spectrum', 'spectrum__group', 'kind', 'detail')
    for pk, group, spectrum, now, kind, detail in newest_first:
        audience = audiences.setdefault(spectrum, now)
        if kind == 'facts' and 'group' in detail:
            audiences[spectrum] = _audience(groups, detail['group'][0])
            audience = audiences[spectrum] or audience
        if group is None and audience is not None:
            given[audience].append(pk)
    return given


def _audience(groups, name):
    """Return the id of the group of a name, or None for everybody.

    The history of a group that was renamed or deleted since goes to a new group of that name without members.
    """
    return None if name is None else groups.get_or_create(name=name)[0].pk


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0250_audience_of_spectrum_acts'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
