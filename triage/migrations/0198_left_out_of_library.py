"""Named matches say which objects of the library are the transient itself; groups can have a library of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0197_skyportal_comparisons'),
    ]

    operations = [
        migrations.AddField(
            model_name='namedmatches',
            name='left_out',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AddField(
            model_name='groupsettings',
            name='own_library',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
