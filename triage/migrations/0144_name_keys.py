"""Names get a key, in which all spellings of a name are equal. 0173 makes its indexes beside the desk's work."""

import triage.models.names
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0143_name_search'),
    ]

    operations = [
        migrations.AddField(
            model_name='othername',
            name='key',
            field=triage.models.names.NameKeyField(db_default='', editable=False, max_length=160),
        ),
        migrations.AddField(
            model_name='transient',
            name='key',
            field=triage.models.names.NameKeyField(db_default='', editable=False, max_length=160),
        ),
    ]
