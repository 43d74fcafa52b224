"""All tables as they stand after the migrations 0001 to 0143, made in one step on an empty database.

A database that these migrations made counts this one as applied, and nothing in it changes. One that stopped half-way
goes on with them.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
from django.conf import settings
from django.db import DatabaseError, migrations, models, transaction

# Django compares a field's default with the model's own, so it has to be the same function.
from triage.models.outbox import new_key

NAME_INDEXES = {'transient_name_part': 'triage_transient', 'other_name_part': 'triage_othername'}


def index_parts_of_names(apps, schema_editor):
    """On Postgres, index the trigrams of names for the search for a part of a name.

    Where the extension is missing or may not be installed, there is no index, and the search reads all names.
    """
    if schema_editor.connection.vendor != 'postgresql':
        return
    try:
        # A savepoint, because a failed statement would end the migration's transaction.
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute('CREATE EXTENSION IF NOT EXISTS pg_trgm')
    except DatabaseError as error:
        print(f' no index for parts of names: {error}', end='')
        return
    for index, table in NAME_INDEXES.items():
        # The expression is the one that Django writes for icontains.
        schema_editor.execute(f'CREATE INDEX {index} ON {table} USING gin (UPPER(name::text) gin_trgm_ops)')


def drop_index_of_names(apps, schema_editor):
    if schema_editor.connection.vendor == 'postgresql':
        for index in NAME_INDEXES:
            schema_editor.execute(f'DROP INDEX IF EXISTS {index}')


class Migration(migrations.Migration):

    replaces = [
        ('triage', '0001_initial'),
        ('triage', '0002_skyportal_and_tns'),
        ('triage', '0010_operations'),
        ('triage', '0060_classification_changes'),
        ('triage', '0061_changes_begin'),
        ('triage', '0062_token_scopes'),
        ('triage', '0070_checkpoint_life'),
        ('triage', '0071_analysis_jobs'),
        ('triage', '0072_notifications'),
        ('triage', '0080_quarantine_and_duplicates'),
        ('triage', '0081_desk_workflow'),
        ('triage', '0082_prediction_evidence'),
        ('triage', '0083_photometry'),
        ('triage', '0090_size_indexes'),
        ('triage', '0091_queue_entries'),
        ('triage', '0092_fill_queue'),
        ('triage', '0100_queue_priority'),
        ('triage', '0101_fill_queue_priority'),
        ('triage', '0102_queue_priority_indexes'),
        ('triage', '0103_photometry_sources'),
        ('triage', '0140_moved_spectra'),
        ('triage', '0141_token_made_by'),
        ('triage', '0142_other_names'),
        ('triage', '0143_name_search'),
    ]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Original',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('content', models.BinaryField()),
                ('size', models.PositiveBigIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Transient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True, validators=[django.core.validators.RegexValidator('^[^/\\x00-\\x1f\\x7f]+$', "A transient's name may not hold “/” or control characters.", code='bad_name')])),
                ('aliases', models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list)),
                ('ra', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(360)], verbose_name='right ascension (deg)')),
                ('dec', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='declination (deg)')),
                ('redshift', models.FloatField(blank=True, null=True)),
                ('redshift_error', models.FloatField(blank=True, null=True)),
                ('redshift_origin', models.CharField(blank=True, max_length=40)),
                ('simulated', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(fields=['-created_at', '-id'], name='transient_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('redshift__isnull', True), ('redshift__gt', -1), _connector='OR'), name='transient_redshift_above_minus_one')],
            },
        ),
        migrations.CreateModel(
            name='OtherName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='other_names', to='triage.transient')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='auth.group')),
                ('name', models.CharField(max_length=120)),
            ],
            options={
                'ordering': ('id',),
                'indexes': [models.Index(fields=['name'], name='other_name_lookup')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('group__isnull', True)), fields=('transient', 'name'), name='other_name_once_in_public'), models.UniqueConstraint(condition=models.Q(('group__isnull', False)), fields=('transient', 'name', 'group'), name='other_name_once_a_group')],
            },
        ),
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hash', models.CharField(max_length=64, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('taxonomy_version', models.CharField(max_length=40)),
                ('metrics', models.JSONField(blank=True, default=dict)),
                ('current', models.BooleanField(default=False)),
                ('promoted_at', models.DateTimeField(blank=True, null=True)),
                ('promoted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('shadow', models.JSONField(blank=True, null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('current', True)), fields=('current',), name='one_current_checkpoint')],
            },
        ),
        migrations.CreateModel(
            name='CheckpointFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('checkpoint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='triage.checkpoint')),
                ('name', models.CharField(max_length=120)),
                ('content', models.BinaryField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('checkpoint', 'name'), name='checkpoint_file_once')],
            },
        ),
        migrations.CreateModel(
            name='Promotion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('checkpoint', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='triage.checkpoint')),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('repredicted_below', models.BigIntegerField(blank=True, null=True)),
                ('repredicted_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Spectrum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='spectra', to='triage.transient')),
                ('group', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='spectra', to='auth.group')),
                ('uploaded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('original', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='spectra', to='triage.original')),
                ('sha256', models.CharField(max_length=64)),
                ('filename', models.CharField(max_length=255)),
                ('part', models.PositiveIntegerField(default=0)),
                ('reading', models.PositiveIntegerField(default=1)),
                ('corrections', models.JSONField(blank=True, default=dict)),
                ('receipt', models.JSONField(blank=True, default=dict)),
                ('observed_at', models.DateTimeField(blank=True, null=True)),
                ('instrument', models.CharField(blank=True, max_length=120)),
                ('stated_redshift', models.FloatField(blank=True, help_text="Given with the upload; a redshift in the file's header stays in the receipt.", null=True)),
                ('wavelength_min', models.FloatField(blank=True, null=True)),
                ('wavelength_max', models.FloatField(blank=True, null=True)),
                ('outline', models.JSONField(blank=True, default=list)),
                ('simulated', models.BooleanField(default=False)),
                ('centre', models.FloatField(blank=True, db_index=True, help_text='mean wavelength in Å by |flux|', null=True)),
                ('width', models.FloatField(blank=True, help_text='standard deviation of the wavelengths in Å by |flux|', null=True)),
                ('likely_duplicate_of', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='likely_duplicates', to='triage.spectrum')),
                ('state', models.CharField(choices=[('queued', 'waiting for the network'), ('classified', 'classified'), ('failed', 'could not be classified'), ('quarantined', 'could not be read')], default='queued', max_length=12)),
                ('failure_code', models.CharField(blank=True, max_length=60)),
                ('failure_reason', models.TextField(blank=True)),
                ('rejected', models.BooleanField(default=False)),
                ('discarded', models.BooleanField(default=False)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('lease_token', models.CharField(blank=True, max_length=32)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('processed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'spectra',
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['id'], name='spectrum_queued'), models.Index(fields=['transient', 'state'], name='spectrum_transient_state'), models.Index(fields=['group', 'transient'], name='spectrum_audience'), models.Index(fields=['state', '-created_at'], name='spectrum_state_created')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('group__isnull', True)), fields=('sha256', 'part'), name='spectrum_once_in_public'), models.UniqueConstraint(condition=models.Q(('group__isnull', False)), fields=('sha256', 'part', 'group'), name='spectrum_once_in_a_group')],
            },
        ),
        migrations.CreateModel(
            name='Prediction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('spectrum', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='predictions', to='triage.spectrum')),
                ('reading', models.PositiveIntegerField()),
                ('checkpoint', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='predictions', to='triage.checkpoint')),
                ('redshift_used', models.FloatField(blank=True, null=True)),
                ('class_name', models.CharField(max_length=60)),
                ('probabilities', models.JSONField()),
                ('parents', models.JSONField(default=dict)),
                ('conformal_set', models.JSONField(default=list)),
                ('novelty', models.FloatField()),
                ('uncertainty', models.FloatField()),
                ('redshift', models.FloatField(blank=True, null=True)),
                ('redshift_error', models.FloatField(blank=True, null=True)),
                ('crosscheck', models.JSONField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['spectrum', '-id'], name='prediction_latest'), models.Index(fields=['class_name', '-uncertainty'], name='prediction_class_uncertainty')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('redshift_used__isnull', True)), fields=('spectrum', 'reading', 'checkpoint'), name='one_blind_prediction'), models.UniqueConstraint(condition=models.Q(('redshift_used__isnull', False)), fields=('spectrum', 'reading', 'checkpoint', 'redshift_used'), name='one_prediction_a_redshift')],
            },
        ),
        migrations.AddField(
            model_name='spectrum',
            name='current_prediction',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='triage.prediction'),
        ),
        migrations.AddIndex(
            model_name='spectrum',
            index=models.Index(condition=models.Q(('current_prediction__isnull', False), ('rejected', False)), fields=['transient', 'group'], name='spectrum_predicted'),
        ),
        migrations.CreateModel(
            name='SpectrumArrays',
            fields=[
                ('spectrum', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='arrays', serialize=False, to='triage.spectrum')),
                ('wavelength', models.BinaryField()),
                ('flux', models.BinaryField()),
                ('flux_error', models.BinaryField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'spectrum arrays',
            },
        ),
        migrations.CreateModel(
            name='SpectrumAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('spectrum', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acts', to='triage.spectrum')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('kind', models.CharField(choices=[('corrected', 'read again'), ('discarded', 'discarded'), ('restored', 'restored'), ('moved', 'moved')], max_length=12)),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='PredictionEvidence',
            fields=[
                ('prediction', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='evidence', serialize=False, to='triage.prediction')),
                ('class_name', models.CharField(max_length=60)),
                ('wavelength_first', models.FloatField()),
                ('wavelength_last', models.FloatField()),
                ('contribution', models.BinaryField()),
                ('embedding', models.BinaryField()),
            ],
            options={
                'verbose_name_plural': 'evidence of predictions',
            },
        ),
        migrations.CreateModel(
            name='InferenceBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('size', models.PositiveIntegerField()),
                ('seconds', models.FloatField()),
                ('finished_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'inference batches',
                'indexes': [models.Index(fields=['finished_at'], name='inference_batch_finished')],
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='triage.transient')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('reviewer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to=settings.AUTH_USER_MODEL)),
                ('verdict', models.CharField(choices=[('confirm', 'confirmed'), ('override', 'overridden'), ('unsure', 'unsure'), ('bad_spectrum', 'bad spectrum'), ('undo', 'undone')], max_length=12)),
                ('class_name', models.CharField(blank=True, max_length=60)),
                ('redshift', models.FloatField(blank=True, null=True)),
                ('comment', models.TextField(blank=True, max_length=4000)),
                ('prediction', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='triage.prediction')),
                ('spectrum', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='triage.spectrum')),
                ('prediction_seen', models.JSONField(blank=True, default=dict)),
                ('spectra_seen', models.JSONField(blank=True, default=list)),
                ('decisions_seen', models.JSONField(blank=True, default=list)),
                ('blind', models.BooleanField(default=False)),
                ('needs_second', models.BooleanField(default=False)),
                ('settles', models.BooleanField(default=False)),
                ('batch', models.UUIDField(blank=True, null=True)),
                ('supersedes', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='triage.decision')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['transient', '-id'], name='decision_of_transient'), models.Index(condition=models.Q(('batch__isnull', False)), fields=['batch'], name='decision_batch')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('verdict__in', ['confirm', 'override']), _negated=True), models.Q(('class_name', ''), _negated=True), _connector='OR'), name='vetting_names_a_class'), models.UniqueConstraint(condition=models.Q(('verdict', 'undo')), fields=('supersedes',), name='undone_once')],
            },
        ),
        migrations.CreateModel(
            name='Classification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='classifications', to='triage.transient')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('decision', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='classification', to='triage.decision')),
                ('state', models.CharField(choices=[('done', 'vetted'), ('second_opinion', 'second opinion wanted'), ('disputed', 'disputed'), ('unsure', 'unsure'), ('bad_spectrum', 'bad spectrum')], max_length=16)),
                ('vetted', models.BooleanField()),
                ('decided_at', models.DateTimeField()),
                ('voters', models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-decided_at', '-id'),
                'indexes': [models.Index(fields=['vetted', '-decided_at'], name='classification_vetted'), models.Index(fields=['state', '-decided_at'], name='classification_state'), models.Index(fields=['transient', '-decided_at', '-id'], name='classification_newest')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('group__isnull', True)), fields=('transient',), name='one_public_classification'), models.UniqueConstraint(condition=models.Q(('group__isnull', False)), fields=('transient', 'group'), name='one_classification_a_group')],
            },
        ),
        migrations.CreateModel(
            name='ClassificationChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='triage.transient')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('decision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='triage.decision')),
                ('withdrawn', models.BooleanField()),
                ('changed_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='QueueEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='queue_entries', to='triage.transient')),
                ('group', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='auth.group')),
                ('spectrum', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='queue_entries', to='triage.spectrum')),
                ('predicted_class', models.CharField(blank=True, max_length=60)),
                ('uncertainty', models.FloatField(blank=True, null=True)),
                ('contradiction', models.FloatField(blank=True, null=True)),
                ('priority', models.FloatField(blank=True, null=True)),
                ('state', models.CharField(blank=True, choices=[('done', 'vetted'), ('second_opinion', 'second opinion wanted'), ('disputed', 'disputed'), ('unsure', 'unsure'), ('bad_spectrum', 'bad spectrum')], max_length=16)),
                ('class_name', models.CharField(blank=True, max_length=60)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('classification', models.BigIntegerField(blank=True, null=True)),
                ('shared', models.BooleanField()),
                ('waits', models.BooleanField()),
                ('arrived_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'queue entries',
                'indexes': [models.Index(condition=models.Q(('waits', True)), fields=['-uncertainty', 'transient'], name='queue_waiting'), models.Index(condition=models.Q(('waits', True)), fields=['-priority', 'transient'], name='queue_priority'), models.Index(condition=models.Q(('waits', True)), fields=['predicted_class', '-priority', 'transient'], name='queue_priority_class'), models.Index(condition=models.Q(('shared', True)), fields=['transient'], name='queue_shared'), models.Index(condition=models.Q(('shared', False)), fields=['state', 'waits', 'group'], name='queue_counted'), models.Index(fields=['state', '-arrived_at', '-transient'], name='queue_state')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('group__isnull', True)), fields=('transient',), name='one_public_queue_entry'), models.UniqueConstraint(condition=models.Q(('group__isnull', False)), fields=('transient', 'group'), name='one_queue_entry_a_group')],
            },
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='claim', to='triage.transient')),
                ('reviewer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='claims', to=settings.AUTH_USER_MODEL)),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['until'], name='claim_until')],
            },
        ),
        migrations.CreateModel(
            name='ReviewPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='review_policy', to='auth.group')),
                ('class_names', models.JSONField(blank=True, default=list)),
                ('below', models.FloatField(blank=True, null=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name_plural': 'review policies',
                'constraints': [models.UniqueConstraint(django.db.models.functions.comparison.Coalesce('group', 0), name='one_policy_an_audience'), models.CheckConstraint(condition=models.Q(('below__isnull', True), models.Q(('below__gt', 0), ('below__lte', 1)), _connector='OR'), name='policy_below_is_a_probability')],
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
                ('name', models.CharField(max_length=60)),
                ('query', models.CharField(blank=True, max_length=800)),
            ],
            options={
                'ordering': ('name',),
                'constraints': [models.UniqueConstraint(fields=('user', 'name'), name='one_view_a_name')],
            },
        ),
        migrations.CreateModel(
            name='LoginFailure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person', models.CharField(max_length=64)),
                ('address', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['address', 'at'], name='login_failure_address'), models.Index(fields=['at'], name='login_failure_at')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
                ('label', models.CharField(max_length=80)),
                ('key_hash', models.CharField(max_length=64, unique=True)),
                ('key_start', models.CharField(max_length=8)),
                ('may_upload', models.BooleanField(default=True)),
                ('may_decide', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='made', to='triage.apitoken')),
            ],
        ),
        migrations.CreateModel(
            name='SkyPortalInstance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True)),
                ('url', models.CharField(max_length=200, verbose_name='address')),
                ('encrypted_token', models.TextField()),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('enabled', models.BooleanField(default=True)),
                ('remote_groups', models.JSONField(blank=True, default=list)),
                ('instruments', models.JSONField(blank=True, default=list)),
                ('only_unclassified', models.BooleanField(default=True)),
                ('interval_minutes', models.PositiveIntegerField(default=10, validators=[django.core.validators.MinValueValidator(1)])),
                ('reconcile_hours', models.PositiveIntegerField(default=24, validators=[django.core.validators.MinValueValidator(1)])),
                ('decisions', models.CharField(choices=[('never', 'never'), ('ask', 'ask first'), ('always', 'always')], default='never', max_length=6)),
                ('predictions', models.CharField(choices=[('never', 'never'), ('ask', 'ask first'), ('always', 'always')], default='never', max_length=6)),
                ('share_with', models.JSONField(blank=True, default=list)),
                ('taxonomy', models.CharField(default='Sitewide Taxonomy', max_length=120)),
                ('posting_since', models.DateTimeField(blank=True, null=True)),
                ('cursor', models.DateTimeField(blank=True, null=True)),
                ('reconciled_at', models.DateTimeField(blank=True, null=True)),
                ('next_run_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('lease_token', models.CharField(blank=True, max_length=32)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Photometry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='photometry', to='triage.transient')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('uploaded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('filename', models.CharField(max_length=255)),
                ('sha256', models.CharField(max_length=64)),
                ('unit', models.CharField(choices=[('mag', 'magnitudes'), ('uJy', 'fluxes in µJy'), ('flux', 'fluxes')], max_length=4)),
                ('points', models.JSONField()),
                ('limits', models.JSONField(default=list)),
                ('instance', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='photometry', to='triage.skyportalinstance')),
                ('remote_name', models.CharField(blank=True, max_length=200)),
                ('fetched_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name_plural': 'photometry',
                'ordering': ('id',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('group__isnull', True)), fields=('transient', 'sha256'), name='photometry_once_in_public'), models.UniqueConstraint(condition=models.Q(('group__isnull', False)), fields=('transient', 'sha256', 'group'), name='photometry_once_in_a_group'), models.UniqueConstraint(condition=models.Q(('instance__isnull', False)), fields=('instance', 'remote_name'), name='photometry_once_a_source')],
            },
        ),
        migrations.CreateModel(
            name='SkyPortalRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='triage.skyportalinstance')),
                ('state', models.CharField(choices=[('running', 'running'), ('done', 'done'), ('failed', 'failed')], default='running', max_length=8)),
                ('full', models.BooleanField(default=False)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('listed_at', models.DateTimeField(blank=True, null=True)),
                ('listed', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('fetched', models.PositiveIntegerField(default=0)),
                ('new', models.PositiveIntegerField(default=0)),
                ('changed', models.PositiveIntegerField(default=0)),
                ('unchanged', models.PositiveIntegerField(default=0)),
                ('gone', models.PositiveIntegerField(default=0)),
                ('errors', models.PositiveIntegerField(default=0)),
                ('skipped', models.JSONField(default=dict)),
                ('problems', models.JSONField(default=list)),
                ('message', models.TextField(blank=True)),
                ('started_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('instance',), name='one_running_sync_an_instance')],
            },
        ),
        migrations.CreateModel(
            name='RemoteSpectrum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='remote_spectra', to='triage.skyportalinstance')),
                ('remote_id', models.PositiveBigIntegerField()),
                ('remote_name', models.CharField(max_length=200)),
                ('remote_modified', models.DateTimeField(blank=True, null=True)),
                ('state', models.CharField(choices=[('pending', 'to be fetched'), ('imported', 'imported'), ('skipped', 'skipped'), ('failed', 'failed')], default='pending', max_length=8)),
                ('reason', models.CharField(blank=True, max_length=60)),
                ('detail', models.TextField(blank=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('content_hash', models.CharField(blank=True, max_length=64)),
                ('spectrum', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='skyportal', to='triage.spectrum')),
                ('gone_at', models.DateTimeField(blank=True, null=True)),
                ('first_listed_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name_plural': 'remote spectra',
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['instance', 'remote_modified', 'remote_id'], name='remote_spectrum_pending'), models.Index(fields=['instance', 'remote_name'], name='remote_spectrum_name')],
                'constraints': [models.UniqueConstraint(fields=('instance', 'remote_id'), name='remote_spectrum_once_an_instance')],
            },
        ),
        migrations.CreateModel(
            name='SkyPortalImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imports', to='triage.skyportalinstance')),
                ('remote_id', models.PositiveBigIntegerField()),
                ('content_hash', models.CharField(max_length=64)),
                ('spectrum', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triage.spectrum')),
                ('original', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='triage.original')),
                ('imported_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('instance', 'remote_id', 'content_hash'), name='imported_version_once')],
            },
        ),
        migrations.CreateModel(
            name='RemoteClassification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='classifications', to='triage.skyportalinstance')),
                ('remote_id', models.PositiveBigIntegerField()),
                ('remote_name', models.CharField(max_length=200)),
                ('name', models.CharField(max_length=120)),
                ('class_name', models.CharField(blank=True, max_length=60)),
                ('probability', models.FloatField(blank=True, null=True)),
                ('machine', models.BooleanField(default=False)),
                ('ours', models.BooleanField(default=False)),
                ('author', models.CharField(blank=True, max_length=120)),
                ('origin', models.TextField(blank=True)),
                ('remote_modified', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['instance', 'remote_name'], name='remote_classification_name')],
                'constraints': [models.UniqueConstraint(fields=('instance', 'remote_id'), name='remote_classification_once_an_instance')],
            },
        ),
        migrations.CreateModel(
            name='SkyPortalPost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='posts', to='triage.skyportalinstance')),
                ('kind', models.CharField(choices=[('decision', "reviewer's classification"), ('prediction', "network's classification"), ('annotation', "network's numbers")], max_length=10)),
                ('decision', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='triage.decision')),
                ('prediction', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triage.prediction')),
                ('remote_name', models.CharField(max_length=200)),
                ('remote_spectrum', models.PositiveBigIntegerField(blank=True, null=True)),
                ('key', models.CharField(default=new_key, max_length=32, unique=True)),
                ('wanted', models.BooleanField(default=True)),
                ('maybe_there', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('asking', 'waits for your yes'), ('waiting', 'to be posted'), ('posted', 'posted'), ('withdrawing', 'to be withdrawn'), ('withdrawn', 'withdrawn'), ('refused', 'not posted: somebody said no'), ('given_up', 'given up')], default='waiting', max_length=11)),
                ('remote_id', models.PositiveBigIntegerField(blank=True, null=True)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('lease_token', models.CharField(blank=True, max_length=32)),
                ('last_error', models.TextField(blank=True)),
                ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('posted_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('state__in', ('waiting', 'withdrawing'))), fields=['instance', 'id'], name='post_open'), models.Index(fields=['instance', 'state'], name='post_state')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'decision')), fields=('instance', 'decision'), name='one_post_a_decision'), models.UniqueConstraint(condition=models.Q(('kind', 'decision'), _negated=True), fields=('instance', 'prediction', 'kind'), name='one_post_a_prediction')],
            },
        ),
        migrations.CreateModel(
            name='AnalysisJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='analyses', to='triage.skyportalinstance')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('remote_name', models.CharField(max_length=200)),
                ('encrypted_callback', models.TextField()),
                ('callback_hash', models.CharField(max_length=64, unique=True)),
                ('invalid_after', models.DateTimeField()),
                ('spectra', models.TextField()),
                ('redshift', models.FloatField(blank=True, null=True)),
                ('state', models.CharField(choices=[('waiting', 'to be computed'), ('computed', 'to be sent back'), ('sent', 'sent back'), ('too_late', 'not taken in time'), ('given_up', 'given up')], default='waiting', max_length=8)),
                ('result', models.JSONField(blank=True, default=dict)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('state__in', ('waiting', 'computed'))), fields=['id'], name='analysis_open')],
            },
        ),
        migrations.CreateModel(
            name='TnsReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('target', models.CharField(choices=[('sandbox', 'sandbox'), ('live', 'live')], max_length=7)),
                ('transient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tns_reports', to='triage.transient')),
                ('decision', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='triage.decision')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='auth.group')),
                ('tns_name', models.CharField(max_length=40)),
                ('payload', models.JSONField()),
                ('ascii_name', models.CharField(max_length=120)),
                ('ascii_file', models.TextField()),
                ('state', models.CharField(choices=[('prepared', 'to be sent'), ('sending', 'being sent'), ('sent', 'sent; the answer is awaited'), ('accepted', 'accepted'), ('rejected', 'rejected')], default='prepared', max_length=8)),
                ('report_id', models.CharField(blank=True, max_length=40)),
                ('reply', models.JSONField(blank=True, default=dict)),
                ('detail', models.TextField(blank=True)),
                ('polls', models.PositiveIntegerField(default=0)),
                ('next_poll_at', models.DateTimeField(blank=True, null=True)),
                ('sent_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'rejected'), _negated=True), fields=('target', 'decision'), name='one_tns_report_a_decision'), models.UniqueConstraint(condition=models.Q(('state__in', ('prepared', 'sending', 'sent'))), fields=('target', 'tns_name'), name='one_open_tns_report_a_name')],
            },
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to=settings.AUTH_USER_MODEL)),
                ('url', models.CharField(max_length=300, verbose_name='address')),
                ('encrypted_secret', models.TextField()),
                ('on_prediction', models.BooleanField(default=False)),
                ('on_decision', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='triage.webhook')),
                ('prediction', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triage.prediction')),
                ('decision', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triage.decision')),
                ('state', models.CharField(choices=[('waiting', 'to be sent'), ('delivered', 'delivered'), ('dropped', 'dropped: not yours to see any more'), ('given_up', 'given up')], default='waiting', max_length=9)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'webhook deliveries',
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['id'], name='delivery_waiting')],
                'constraints': [models.UniqueConstraint(fields=('webhook', 'prediction'), name='webhook_told_once_of_a_prediction'), models.UniqueConstraint(fields=('webhook', 'decision'), name='webhook_told_once_of_a_decision'), models.CheckConstraint(condition=models.Q(('prediction__isnull', True), ('decision__isnull', True), _connector='XOR'), name='delivery_of_one_thing')],
            },
        ),
        migrations.CreateModel(
            name='NotificationPreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('encrypted_url', models.TextField(blank=True)),
                ('novelty', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)])),
                ('second_opinion', models.BooleanField(default=True)),
                ('disputed', models.BooleanField(default=True)),
                ('sync_failing', models.BooleanField(default=False)),
                ('since', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('kind', models.CharField(choices=[('novelty', 'unlike the known ones'), ('second_opinion', 'your opinion is asked for'), ('disputed', 'disputed'), ('sync_failing', 'a sync fails'), ('test', 'a test')], max_length=14)),
                ('key', models.CharField(max_length=80)),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('url', 'web address')], max_length=5)),
                ('transient', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='triage.transient')),
                ('text', models.CharField(max_length=1000)),
                ('path', models.CharField(max_length=500)),
                ('state', models.CharField(choices=[('waiting', 'to be sent'), ('sending', 'being sent'), ('sent', 'sent'), ('unknown', 'may have arrived; not sent again'), ('dropped', 'dropped: not yours to see any more'), ('given_up', 'given up')], default='waiting', max_length=8)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('state__in', ('waiting', 'sending'))), fields=['id'], name='notification_open')],
                'constraints': [models.UniqueConstraint(fields=('user', 'kind', 'key', 'channel'), name='told_once_by_each_channel')],
            },
        ),
        # The column stays for one more release, as in databases that the older migrations made: see docs/operations.md.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name='transient', name='aliases')],
        ),
        migrations.RunPython(index_parts_of_names, drop_index_of_names),
    ]

