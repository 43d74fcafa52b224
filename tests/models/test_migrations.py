"""Migrations lose nothing, and processes of the previous release keep working."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.core.management import call_command
from django.db import connection, connections, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tests.factories import classified, spectrum_file
from triage.intake.naming import known_transient
from triage.intake.submit import Given, submit_spectrum
from triage.migrations._indexes import AddUniqueBesideWrites
from triage.models import (
    BrightnessDue,
    Decision,
    OtherName,
    Photometry,
    Prediction,
    QueueEntry,
    Spectrum,
    SpectrumAct,
    Transient,
    TransientAct,
)
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

# Later migrations must follow the rules in docs/operations.md.
HABIT_SINCE = "0141_token_made_by"
SQUASH = "0001_squashed_0143_name_search"
LAST_REPLACED = "0143_name_search"
WITHOUT_AUDIENCES = "0152_tns_records"
LATEST = max(path.stem for path in Path(apps.get_app_config("triage").path, "migrations").glob("0*.py"))


@pytest.mark.django_db
def test_the_migrations_match_the_models() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def _operations() -> Iterator[tuple[str, migrations.operations.base.Operation]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for app, name in loader.disk_migrations:
        if app == "triage" and name > HABIT_SINCE:
            for operation in loader.disk_migrations[app, name].operations:
                yield name, operation


def _breaks_what_runs(operation: Any) -> bool:
    """Return whether the operation stops a process of the previous release from reading or writing."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return not field.null and not field.many_to_many and field.db_default is models.NOT_PROVIDED
    gone = migrations.RemoveField, migrations.RenameField, migrations.DeleteModel, migrations.RenameModel
    return isinstance(operation, gone)


def test_processes_of_the_previous_release_keep_working() -> None:
    assert [
        f"{name}: {operation.describe()}" for name, operation in _operations() if _breaks_what_runs(operation)
    ] == []


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField("transient", "ra"),
        migrations.AddField("transient", "colour", models.FloatField(default=0.0)),
    ],
)
def test_an_operation_that_would_stop_the_previous_release_is_found(operation: Any) -> None:
    assert _breaks_what_runs(operation)


# Tables that hold a row for each spectrum, transient or decision, or more.
BIG = {
    *("spectrum", "spectrumarrays", "original", "prediction", "transient", "othername", "photometry"),
    *("decision", "classification", "classificationchange", "queueentry", "spectrumact"),
}


def _holds_up_the_desk(migration: migrations.Migration) -> str:
    """Return how a migration would make the desk's readers or writers wait for long, or ""."""
    moves_data = [isinstance(each, migrations.RunPython | migrations.RunSQL) for each in migration.operations]
    if any(moves_data) and not all(moves_data):
        return "it moves data beside a change of the schema"
    if any(moves_data) and migration.atomic:
        return "it moves data in one transaction"
    named = [each for each in migration.operations if _locks_for_an_index(each)]
    return f"{named[0].describe()} without CONCURRENTLY" if named else ""


def _locks_for_an_index(operation: Any) -> bool:
    """Return whether an operation makes or drops an index of a big table while nobody can write there."""
    if getattr(operation, "model_name", "").lower() not in BIG:
        return False
    if isinstance(operation, migrations.AddField | migrations.AlterField):
        return bool(operation.field.db_index or operation.field.unique)
    if isinstance(operation, migrations.AddConstraint):
        unique = isinstance(operation.constraint, models.UniqueConstraint)
        return unique and not isinstance(operation, AddUniqueBesideWrites)
    if isinstance(operation, migrations.RemoveIndex):
        return not isinstance(operation, RemoveIndexConcurrently)
    return isinstance(operation, migrations.AddIndex) and not isinstance(operation, AddIndexConcurrently)


def test_no_migration_holds_up_the_desk_for_long() -> None:
    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    newer = {name: each for (app, name), each in found.items() if app == "triage" and name > LAST_REPLACED}
    assert len(newer) > 5
    assert {name: why for name, each in newer.items() if (why := _holds_up_the_desk(each))} == {}


MOVES = migrations.RunPython(migrations.RunPython.noop)
INDEX = migrations.AddIndex("Spectrum", models.Index(fields=["sha256"], name="slow"))


@pytest.mark.parametrize(
    "operations",
    [
        [MOVES],
        [MOVES, migrations.AddField("transient", "colour", models.FloatField(null=True))],
        [INDEX],
        [migrations.RemoveIndex("decision", "slow")],
        [migrations.AddConstraint("transient", models.UniqueConstraint(fields=["ra"], name="slow"))],
        [migrations.AddField("spectrum", "colour", models.FloatField(null=True, db_index=True))],
    ],
)
def test_a_migration_that_would_hold_up_the_desk_is_found(operations: list[Any]) -> None:
    migration = migrations.Migration("slow", "triage")
    migration.operations = operations
    assert _holds_up_the_desk(migration)


def _executor_of_replaced() -> MigrationExecutor:
    """Return an executor that runs the migrations which the squash replaces."""
    executor = MigrationExecutor(connection)
    executor.loader.replace_migrations = False
    executor.loader.build_graph()
    return executor


def _migrate_to(name: str) -> Any:
    """Migrate to one of the replaced migrations, and return the models as it knew them."""
    executor = _executor_of_replaced()
    executor.migrate([("triage", name)])
    return executor.loader.project_state([("triage", name)]).apps


@pytest.fixture
def empty_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """Connect to a database without any table."""
    usual = connections["default"]
    other = usual.copy()
    if usual.vendor == "postgresql":
        name = f"{usual.settings_dict['NAME']}_migrations"
        with usual.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
            cursor.execute(f'CREATE DATABASE "{name}"')
        other.settings_dict["NAME"] = name
    else:
        other.settings_dict["NAME"] = tmp_path / "db.sqlite3"
    connections["default"] = other
    yield
    other.close()
    connections["default"] = usual
    if usual.vendor == "postgresql":
        with usual.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}"')


def _drop_everything() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    else:
        connection.close()
        Path(connection.settings_dict["NAME"]).unlink()


def _schema() -> dict[str, Any]:
    """Return what the database says of each table's columns and constraints, and the definition of each index."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name.startswith("triage_")]
        columns = {name: sorted(connection.introspection.get_table_description(cursor, name)) for name in tables}
        # SQLite numbers constraints without a name by their place in the table.
        constraints = {
            name: sorted(map(repr, connection.introspection.get_constraints(cursor, name).values())) for name in tables
        }
        if connection.vendor == "postgresql":
            cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'triage\\_%'")
            definitions = dict(cursor.fetchall())
            cursor.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE conrelid::regclass::text LIKE 'triage\\_%'"
            )
            definitions |= {f"constraint {name}": text for name, text in cursor.fetchall()}
        else:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name LIKE 'triage!_%' ESCAPE '!'"
            )
            definitions = dict(cursor.fetchall())
    return {"columns": columns, "constraints": constraints, "definitions": definitions}


def test_the_squash_makes_the_schema_that_the_replaced_migrations_made(empty_database: None) -> None:
    call_command("migrate", "triage", SQUASH, verbosity=0)
    from_squash = _schema()
    _drop_everything()
    _migrate_to(LAST_REPLACED)
    assert _schema() == from_squash
    assert len(from_squash["columns"]) > 30


def _rows(known: Any) -> dict[str, list[Any]]:
    models_of_then = known.get_app_config("triage").get_models(include_auto_created=True)
    return {model.__name__: list(model._base_manager.order_by("pk").values_list()) for model in models_of_then}


def test_the_squash_accepts_a_filled_database_and_changes_no_row(empty_database: None) -> None:
    call_command("migrate", verbosity=0)
    user = User.objects.create_user("a")
    transient = classified(user, "X")
    OtherName.objects.create(transient=transient, name="Y")
    record_decision(user, transient, Proposal("override", class_name="TDE"))
    then = _migrate_to(LAST_REPLACED)
    # A database of the previous release does not know the squash.
    MigrationRecorder(connection).record_unapplied("triage", SQUASH)
    before = _rows(then)
    call_command("migrate", verbosity=0)
    assert _rows(then) == before
    assert len([name for name, rows in before.items() if rows]) > 10
    assert ("triage", SQUASH) in MigrationRecorder(connection).applied_migrations()


def test_a_half_upgraded_database_continues_with_the_replaced_migrations(empty_database: None) -> None:
    old = _migrate_to(HABIT_SINCE).get_model
    old("triage", "Transient").objects.create(name="X", aliases=["Y"])
    call_command("migrate", verbosity=0)
    assert list(OtherName.objects.values_list("transient__name", "name")) == [("X", "Y")]
    call_command("migrate", check_unapplied=True, verbosity=0)


@pytest.fixture
def at_0141(transactional_db: None) -> Iterator[Any]:
    """The models as they were before other names had a table."""
    yield _migrate_to(HABIT_SINCE)
    _migrate_to(LATEST)


def test_other_names_are_kept_and_stay_with_the_group_that_knows_them(at_0141: Any) -> None:
    old = at_0141.get_model
    group = old("auth", "Group").objects.create(name="a")
    original = old("triage", "Original").objects.create(sha256="0" * 64, content=b"", size=0)
    for name, audience in (("public", None), ("private", group)):
        transient = old("triage", "Transient").objects.create(name=name, aliases=["B", "A", "B"])
        old("triage", "Spectrum").objects.create(
            transient=transient, group=audience, original=original, sha256=name, filename=name
        )
    old("triage", "Transient").objects.create(name="nameless")
    call_command("migrate", "triage", "0142", verbosity=0)

    rows = OtherName.objects.order_by("transient_id", "id").values_list("transient__name", "name", "group__name")
    assert list(rows) == [
        ("public", "B", None),
        ("public", "A", None),
        ("private", "B", "a"),
        ("private", "A", "a"),
    ]
    # A process that does not know the old column can still write.
    call_command("migrate", verbosity=0)
    Transient.objects.create(name="new")


def _audiences() -> tuple[dict[str, str | None], list[str | None]]:
    """Return the group of each transient by its name, and the groups of the acts on transients."""
    transients = Transient.objects.order_by("pk").values_list("name", "group__name")
    return dict(transients), list(TransientAct.objects.order_by("pk").values_list("group__name", flat=True))


def test_a_way_back_and_forward_again_shows_nothing_private_to_others(transactional_db: None) -> None:
    user, one, other = User.objects.create_user("a"), Group.objects.create(name="a"), Group.objects.create(name="b")
    for name, group in (("SN 2021a", one), ("SN2021A", other), ("given to all", one)):
        Transient.objects.create(name=name, group=group)
    public = classified(user, "X")
    for group in (None, one, other):
        TransientAct.objects.create(transient=public, group=group, detail={"redshift": [0.1, None]})
    transients, acts = _audiences()
    try:
        old = _migrate_to(WITHOUT_AUDIENCES).get_model
        original = old("triage", "Original").objects.create(sha256="0" * 64, content=b"", size=0)
        opened = old("triage", "Transient").objects.get(name="given to all")
        old("triage", "Spectrum").objects.create(transient=opened, original=original, sha256="0", filename="a.txt")
    finally:
        _migrate_to(LATEST)
    assert _audiences() == ({**transients, "given to all": None}, acts)
    assert known_transient("SN 2021a", None) is None
    assert "triage_kept_audience" not in connection.introspection.table_names()


@pytest.mark.django_db
def test_acts_of_reading_again_tell_what_was_before_them() -> None:
    classified(User.objects.create_user("a"), "X")
    spectrum = Spectrum.objects.get()
    for detail in ({"frame": "rest"}, {"frame": "observed", "medium": "air"}, {}):
        SpectrumAct.objects.create(spectrum=spectrum, kind="corrected", detail=detail)
    (tell,) = MigrationLoader(None).disk_migrations["triage", "0150_readings_before_and_after"].operations
    for _ in range(2):
        tell.code(apps, connection.schema_editor())
        assert list(SpectrumAct.objects.order_by("pk").values_list("detail", flat=True)) == [
            {"frame": [None, "rest"]},
            {"frame": ["rest", "observed"], "medium": [None, "air"]},
            {"frame": ["observed", None], "medium": ["air", None]},
        ]


@pytest.mark.django_db
def test_a_light_curve_that_is_there_before_the_upgrade_is_due_for_its_brightness() -> None:
    with_curve, _ = Transient.objects.create(name="X"), Transient.objects.create(name="Y")
    for sha256 in ("a", "b"):
        Photometry.objects.create(transient=with_curve, filename="a.csv", sha256=sha256, unit="mag", points=[])
    (mark,) = MigrationLoader(None).disk_migrations["triage", "0193_mark_light_curves"].operations
    for _ in range(2):
        mark.code(apps, connection.schema_editor())
        assert [due.transient_id for due in BrightnessDue.objects.all()] == [with_curve.pk]


@pytest.mark.django_db
def test_a_spectrum_of_noise_that_was_read_before_the_warning_gets_it(reviewer: User) -> None:
    wavelength = np.arange(3800.0, 9000.0, 8.0)
    noise = np.random.default_rng(5).normal(size=wavelength.size)
    content = "\n".join(f"{at:.1f} {value:.5f}" for at, value in zip(wavelength, noise, strict=True)).encode()
    for name, sent in (("noise", content), ("good", spectrum_file())):
        submit_spectrum(reviewer, sent, f"{name}.txt", Given(transient=name))
    now = {spectrum.filename: spectrum.receipt for spectrum in Spectrum.objects.all()}
    stale = {"code": "featureless", "message": "of other thresholds"}
    Spectrum.objects.filter(filename="noise.txt").update(receipt={**now["noise.txt"], "warnings": []})
    Spectrum.objects.filter(filename="good.txt").update(receipt={**now["good.txt"], "warnings": [stale]})
    (warn,) = MigrationLoader(None).disk_migrations["triage", "0220_noise_of_earlier_readings"].operations
    warn.code(apps, connection.schema_editor())
    noise_warnings, good_warnings = (
        Spectrum.objects.get(filename=f"{name}.txt").no_class_warnings for name in ("noise", "good")
    )
    assert noise_warnings == [warning for warning in now["noise.txt"]["warnings"] if warning["code"] == "mostly_noise"]
    assert len(noise_warnings) == 1
    assert good_warnings == []


@pytest.mark.django_db
def test_earlier_decisions_and_queue_entries_get_their_new_columns(make_user: Any) -> None:
    ada, ben = make_user("ada"), make_user("ben")
    for seed, name in enumerate(("vetted", "waits", "vetted twice"), start=1):
        classified(ada, name, seed)
    for name in ("vetted", "vetted twice"):
        record_decision(ada, Transient.objects.get(name=name), Proposal("override", class_name="TDE"))
    record_decision(ben, Transient.objects.get(name="vetted twice"), Proposal("override", class_name="AGN"))
    shown, joins = QueueEntry.objects.values_list("shown_class"), Decision.objects.values_list("joins")
    now = list(shown.order_by("pk")), list(joins.order_by("pk"))
    assert ("AGN",) in now[0]
    assert now[1] == [(False,), (False,), (True,)]
    QueueEntry.objects.update(shown_class="")
    Decision.objects.update(joins=False)
    (fill,) = MigrationLoader(None).disk_migrations["triage", "0241_fill_joined_and_shown"].operations
    fill.code(apps, connection.schema_editor())
    assert (list(shown.order_by("pk")), list(joins.order_by("pk"))) == now


def test_a_migration_fills_in_the_priority_by_the_formula_of_its_own_release(transactional_db: None) -> None:
    classified(User.objects.create_user("a"), "X")
    Spectrum.objects.update(created_at=datetime(2020, 1, 2, tzinfo=UTC))
    template = {"class": "SN Ia", "score": 12.0, "redshift": 0.1}
    Prediction.objects.update(class_name="TDE", uncertainty=0.5, novelty=1.0, crosscheck=template)
    QueueEntry.objects.update(contradiction=None, priority=None)
    (fill,) = MigrationLoader(None).disk_migrations["triage", "0101_fill_queue_priority"].operations
    fill.code(apps, connection.schema_editor())
    entry = QueueEntry.objects.get()
    # The weighted sum of uncertainty, novelty, half a disagreement and rarity, less one day.
    assert entry.priority == pytest.approx(0.4 * 0.5 + 0.2 + 0.15 * 0.5 + 0.15 * 0.55 - 0.02)
    assert entry.contradiction == 0.0


@pytest.mark.django_db
def test_acts_from_before_a_spectrum_was_made_public_are_given_to_its_group(reviewer: User) -> None:
    group, spectrum = Group.objects.create(name="a"), submit_spectrum(reviewer, spectrum_file(), "a.txt").spectrum
    for kind, detail in (
        ("moved", {"from": "secret", "to": "X"}),
        ("facts", {"group": ["a", None], "comment": ["hush", ""]}),
        ("facts", {"comment": ["", "bright"]}),
        ("corrected", {}),
    ):
        SpectrumAct.objects.create(spectrum=spectrum, kind=kind, detail=detail)
    for _ in range(2):
        give_acts_to_their_audiences()
        assert list(SpectrumAct.objects.order_by("pk").values_list("group", flat=True)) == [group.pk] * 2 + [None] * 2


@pytest.mark.django_db
def test_acts_from_before_a_spectrum_changed_hands_are_given_to_the_group_that_had_it(
    reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (Group.objects.create(name=name) for name in "ab")
    reviewer.groups.add(other)
    spectra = [
        submit_spectrum(reviewer, spectrum_file(seed=seed), "a.txt", Given(transient="X", group=other)).spectrum
        for seed in (1, 2, 3)
    ]
    for detail in ({"group": [None, "a"]}, {"comment": ["", "hush"]}, {"group": ["a", "b"]}, {"comment": ["hush", ""]}):
        for spectrum in spectra:
            SpectrumAct.objects.create(spectrum=spectrum, kind="facts", detail=detail)
    monkeypatch.setattr(import_module("triage.migrations.0251_fill_audience_of_spectrum_acts"), "BATCH", 2)
    give_acts_to_their_audiences()
    for spectrum in spectra:
        given = list(spectrum.acts.order_by("pk").values_list("group", flat=True))
        assert given == [one.pk, one.pk, one.pk, other.pk]


@pytest.mark.django_db
def test_acts_from_before_a_group_was_renamed_or_deleted_are_given_to_nobody(reviewer: User) -> None:
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt").spectrum
    for detail in ({"comment": ["", "hush"]}, {"group": ["old", None]}, {"comment": ["hush", ""]}):
        SpectrumAct.objects.create(spectrum=spectrum, kind="facts", detail=detail)
    give_acts_to_their_audiences()
    assert list(SpectrumAct.objects.order_by("pk").values_list("group__name", flat=True)) == ["old", "old", None]
    assert not User.objects.filter(groups__name="old").exists()


@pytest.mark.django_db
def test_a_second_run_gives_only_the_acts_that_the_old_release_wrote_meanwhile(reviewer: User) -> None:
    now, before = (Group.objects.create(name=name) for name in ("now", "before"))
    reviewer.groups.add(now)
    spectrum = submit_spectrum(reviewer, spectrum_file(), "a.txt", Given(transient="X", group=now)).spectrum
    for group in (before, None):
        SpectrumAct.objects.create(spectrum=spectrum, group=group, kind="corrected")
    give_acts_to_their_audiences()
    assert list(SpectrumAct.objects.order_by("pk").values_list("group__name", flat=True)) == ["before", "now"]


def give_acts_to_their_audiences() -> None:
    (give,) = MigrationLoader(None).disk_migrations["triage", "0251_fill_audience_of_spectrum_acts"].operations
    give.code(apps, connection.schema_editor())
