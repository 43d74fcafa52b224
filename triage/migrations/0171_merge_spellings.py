"""Transients that one audience knows by several spellings of one name become one.

First each transient gets its audience: everybody, if a public spectrum or decision is there, else the group of its oldest
spectrum. Its acts get the same. Then the transients of one audience and one key are merged into the oldest:

- Spectra, decisions, acts, changes, reports, messages, other names and light curves move there. A light curve, or another
  name, that is there already is dropped.
- The other spelling becomes another name, which the audience knows.
- Where one of the two has an audience that the other lacks, facts, names and light curves stay with the group.
- A fact that the oldest lacks is filled in. One that differs stays in an act of the merging, from which it can be restored.
- The newest classification of an audience stands, where one of a usable spectrum comes before one that calls a spectrum bad.
  If the other was vetted, it is withdrawn for those who follow the changes.
- Spectra whose known redshift changes are classified again.

Each merging is a transaction of its own, so the desk goes on working.

On the way back, the audiences go into a table of their own, because 0170 drops their columns. The next way forward reads it:
nothing else tells the audience of a transient without spectra, or of an act from before its transient became public.
"""

from collections import defaultdict

from django.db import migrations, transaction
from django.db.models import Count

from classifier.names import name_key

CHUNK = 2000
# The advisory lock of triage.review.changes.
LOCK = 7_215_073_104
FACTS = {'ra': None, 'redshift': None, 'host': ''}
# Facts that come and go together with one of FACTS.
WITH = {'ra': ['ra', 'dec'], 'redshift': ['redshift', 'redshift_error', 'redshift_origin'], 'host': ['host']}
AGAIN = {'state': 'queued', 'failure_code': '', 'failure_reason': '', 'attempts': 0, 'lease_until': None, 'lease_token': ''}
KEPT = 'triage_kept_audience'
OWN_WAY = {'Claim', 'Classification', 'OtherName', 'Photometry', 'QueueEntry', 'TnsRecord'}


def fill_audiences(apps, schema_editor):
    get = apps.get_model
    Transient, last = get('triage', 'Transient'), 0
    while chunk := list(Transient.objects.filter(pk__gt=last).order_by('pk').only('pk', 'name', 'key')[:CHUNK]):
        last, audiences = chunk[-1].pk, defaultdict(list)
        for name in ('Spectrum', 'Decision'):
            rows = get('triage', name).objects.filter(transient__in=chunk).order_by('pk')
            for pk, group in rows.values_list('transient', 'group'):
                audiences[pk].append(group)
        changed = []
        for transient in chunk:
            groups, key = audiences[transient.pk], name_key(transient.name)
            group = groups[0] if groups and None not in groups else None
            if group is not None or key != transient.key:
                transient.group_id, transient.key = group, key
                changed.append(transient)
        Transient.objects.bulk_update(changed, ['group', 'key'])
        for transient in changed:
            if transient.group_id is not None:
                get('triage', 'TransientAct').objects.filter(transient=transient).update(group=transient.group_id)


def keep_audiences(apps, schema_editor):
    schema_editor.execute(
        f'CREATE TABLE IF NOT EXISTS {KEPT} (kind varchar(20) NOT NULL, row_id bigint NOT NULL,'
        ' created_at timestamp with time zone NOT NULL, group_id integer NOT NULL REFERENCES auth_group (id),'
        ' PRIMARY KEY (kind, row_id))'
    )
    # An earlier way back may have ended between its steps.
    schema_editor.execute(f'DELETE FROM {KEPT}')
    for kind in ('transient', 'transientact'):
        schema_editor.execute(
            f"INSERT INTO {KEPT} SELECT '{kind}', id, created_at, group_id FROM triage_{kind} WHERE group_id IS NOT NULL"
        )


def use_kept_audiences(apps, schema_editor):
    """Give the rows of an earlier way back their audiences again, except transients that have become public since."""
    if KEPT not in schema_editor.connection.introspection.table_names():
        return
    public = (
        f'EXISTS (SELECT 1 FROM triage_{name} one WHERE one.transient_id = triage_transient.id AND one.group_id IS NULL)'
        for name in ('spectrum', 'decision')
    )
    for kind, condition in (('transient', f"NOT ({' OR '.join(public)})"), ('transientact', '1 = 1')):
        # Acts that 0148 made anew have the ids of other ones.
        same = f"kind = '{kind}' AND row_id = triage_{kind}.id AND kept.created_at = triage_{kind}.created_at"
        kept = f'(SELECT kept.group_id FROM {KEPT} kept WHERE {same})'
        schema_editor.execute(
            f'UPDATE triage_{kind} SET group_id = {kept}'
            f' WHERE COALESCE(group_id, 0) <> COALESCE({kept}, group_id, 0) AND {condition}'
        )
    schema_editor.execute(f'DROP TABLE {KEPT}')


def merge_spellings(apps, schema_editor):
    Transient = apps.get_model('triage', 'Transient')
    several = Transient.objects.exclude(key='').order_by().values('key', 'group').annotate(n=Count('pk')).filter(n__gt=1)
    for key, group in list(several.values_list('key', 'group')):
        with transaction.atomic(using=schema_editor.connection.alias):
            first, *others = Transient.objects.select_for_update().filter(key=key, group=group).order_by('pk')
            for other in others:
                _merge(apps, schema_editor, first, other)


def _merge(apps, schema_editor, kept, other):
    get = apps.get_model
    for one, joining in ((kept, other), (other, kept)):
        if kept.group_id is not None and _audiences(get, joining) - _audiences(get, one):
            _keep_with_group(get, one)
    _merge_facts(get, kept, other)
    for model in apps.get_app_config('triage').get_models():
        if model.__name__ not in OWN_WAY and any(field.name == 'transient' for field in model._meta.fields):
            model._base_manager.filter(transient=other).update(transient=kept)
    own = {'transient': other, 'group': other.group, 'name': other.name}
    get('triage', 'OtherName').objects.get_or_create(**own, defaults={'key': other.key})
    for name, same in (('OtherName', 'name'), ('Photometry', 'sha256')):
        for row in get('triage', name).objects.filter(transient=other):
            known = get('triage', name).objects.filter(transient=kept, group=row.group, **{same: getattr(row, same)})
            if not known.exists():
                row.transient = kept
                row.save()
    get('triage', 'Claim').objects.filter(transient=other).delete()
    # The TNS is asked about the kept one again.
    get('triage', 'TnsRecord').objects.filter(transient=other).delete()
    _merge_classifications(get, schema_editor, kept, other)
    _merge_entries(get, kept, other)
    other.delete()


def _audiences(get, transient):
    rows = (get('triage', name).objects.filter(transient=transient) for name in ('Spectrum', 'Decision'))
    return {group for found in rows for group in found.order_by().values_list('group', flat=True)}


def _keep_with_group(get, transient):
    """Take back the facts of a transient that others will see from now on, by an act that its group can undo."""
    known = [fact for fact, unknown in FACTS.items() if getattr(transient, fact) != unknown]
    names = [name for fact in known for name in WITH[fact]]
    if names:
        unknown = {name: '' if name in ('host', 'redshift_origin') else None for name in names}
        taken_back = {name: [getattr(transient, name), unknown[name]] for name in names}
        get('triage', 'TransientAct').objects.create(transient=transient, group=transient.group, detail=taken_back)
        for name, value in unknown.items():
            setattr(transient, name, value)
        transient.save()
    for name, same in (('OtherName', 'name'), ('Photometry', 'sha256')):
        rows = get('triage', name).objects.filter(transient=transient)
        has = rows.filter(group=transient.group).values_list(same, flat=True)
        rows.filter(group=None, **{f'{same}__in': list(has)}).delete()
        rows.filter(group=None).update(group=transient.group)


def _merge_facts(get, kept, other):
    """Fill in the facts that are missing; keep those that differ in an act."""
    before, differs = kept.redshift, {}
    for fact, unknown in FACTS.items():
        if getattr(kept, fact) == unknown:
            for name in WITH[fact]:
                setattr(kept, name, getattr(other, name))
        elif getattr(other, fact) not in (unknown, getattr(kept, fact)):
            differs |= {name: [getattr(other, name), getattr(kept, name)] for name in WITH[fact]}
    kept.save()
    if differs:
        get('triage', 'TransientAct').objects.create(transient=kept, group=kept.group, detail=differs)
    for transient, redshift in ((kept, before), (other, other.redshift)):
        if redshift != kept.redshift:
            spectra = get('triage', 'Spectrum').objects.filter(transient=transient, stated_redshift=None)
            spectra.filter(state__in=('queued', 'classified')).update(**AGAIN)


def _merge_classifications(get, schema_editor, kept, other):
    Classification, Change = get('triage', 'Classification'), get('triage', 'ClassificationChange')
    for row in Classification.objects.filter(transient=other):
        there = Classification.objects.filter(transient=kept, group=row.group).first()
        if there is not None:
            stands = max((there, row), key=lambda one: (one.state != 'bad_spectrum', one.decided_at, one.pk))
            gone = there if stands == row else row
            if gone.vetted:
                if schema_editor.connection.vendor == 'postgresql':
                    schema_editor.execute('SELECT pg_advisory_xact_lock(%s)', [LOCK])
                Change.objects.create(transient=kept, group=gone.group, decision=gone.decision, withdrawn=True)
            gone.delete()
        Classification.objects.filter(pk=row.pk).update(transient=kept)


def _merge_entries(get, kept, other):
    """Make the queue's entries of the merged transient from those of the two, as triage.queue.entries would."""
    Entry, Classification = get('triage', 'QueueEntry'), get('triage', 'Classification')
    stands = {row.group_id: row for row in Classification.objects.filter(transient=kept).select_related('decision')}
    entries = defaultdict(list, {group: [] for group in stands})
    for entry in Entry.objects.filter(transient__in=(kept, other)):
        entries[entry.group_id].append(entry)
    Entry.objects.filter(transient__in=(kept, other)).delete()
    for group, rows in entries.items():
        predicted = sorted((row for row in rows if row.spectrum_id), key=lambda row: row.uncertainty)
        row, decided = (predicted or rows or [Entry()])[0], stands.get(group)
        row.pk, row.transient, row.group_id, row.shared = None, kept, group, len(entries) > 1
        row.state, row.class_name, row.decided_at, row.classification = '', '', None, None
        if decided is not None:
            row.state, row.class_name = decided.state, decided.decision.class_name
            row.decided_at, row.classification = decided.decided_at, decided.pk
        row.waits = bool(predicted) and (row.shared or row.state in ('', 'bad_spectrum'))
        row.arrived_at = kept.created_at
        row.save(force_insert=True)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0170_audiences_of_transients'),
    ]

    operations = [
        migrations.RunPython(fill_audiences, keep_audiences),
        migrations.RunPython(use_kept_audiences, migrations.RunPython.noop),
        migrations.RunPython(merge_spellings, migrations.RunPython.noop),
    ]
