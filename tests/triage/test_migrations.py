"""Migrations leave processes of the release before running, and lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

# Those after it are held to the habit that docs/operations.md describes.
HABIT_SINCE = "0141_token_made_by"


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
    """Whether a process that knows only the models of before could not read or write any more."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return not field.null and not field.many_to_many and field.db_default is models.NOT_PROVIDED
    gone = migrations.RemoveField, migrations.RenameField, migrations.DeleteModel, migrations.RenameModel
    return isinstance(operation, gone)


def test_processes_of_the_release_before_go_on() -> None:
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
def test_what_would_stop_them_is_found(operation: Any) -> None:
    assert _breaks_what_runs(operation)


@pytest.fixture
def at_0141(transactional_db: None) -> Iterator[Any]:
    """The records of before other names had a table."""
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes("triage")
    executor.migrate([("triage", HABIT_SINCE)])
    yield executor.loader.project_state([("triage", HABIT_SINCE)]).apps
    executor = MigrationExecutor(connection)
    executor.migrate(latest)


def test_other_names_are_kept_and_stay_with_who_learnt_them(at_0141: Any) -> None:
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

    from triage.models import OtherName, Transient

    rows = OtherName.objects.order_by("transient_id", "id").values_list("transient__name", "name", "group__name")
    assert list(rows) == [
        ("public", "B", None),
        ("public", "A", None),
        ("private", "B", "a"),
        ("private", "A", "a"),
    ]
    # What does not know the old column writes on.
    Transient.objects.create(name="new")
