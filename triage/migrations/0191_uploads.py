"""Files that are sent together on the upload page become an upload, which keeps what came of each."""

import django.core.serializers.json
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('triage', '0190_transient_comments'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='UploadEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('filename', models.CharField(max_length=255)),
                ('known', models.BooleanField(default=False)),
                ('code', models.CharField(blank=True, max_length=60)),
                ('detail', models.TextField(blank=True)),
                ('notes', models.JSONField(blank=True, default=list)),
                ('differences', models.JSONField(blank=True, default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('spectrum', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='upload_entries', to='triage.spectrum')),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='triage.upload')),
            ],
            options={
                'verbose_name_plural': 'upload entries',
                'ordering': ('id',),
            },
        ),
        migrations.AddIndex(
            model_name='upload',
            index=models.Index(fields=['user', '-id'], name='upload_of_user'),
        ),
    ]
