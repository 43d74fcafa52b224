"""An audience has one transient of a key; on Postgres the indexes are made while the desk writes on.

Processes of the release before may make duplicates until this is done. It is refused then; go back with
`migrate triage 0170` and begin again, which merges them.
"""

from django.db import migrations, models

from triage.migrations._indexes import AddUniqueBesideWrites


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('triage', '0171_merge_spellings'),
    ]

    operations = [
        AddUniqueBesideWrites(
            model_name='transient',
            constraint=models.UniqueConstraint(condition=models.Q(('group__isnull', True), models.Q(('key', ''), _negated=True)), fields=('key',), name='one_public_transient_a_key'),
        ),
        AddUniqueBesideWrites(
            model_name='transient',
            constraint=models.UniqueConstraint(condition=models.Q(('group__isnull', False), models.Q(('key', ''), _negated=True)), fields=('key', 'group'), name='one_transient_a_key_and_group'),
        ),
    ]
