"""The sequence of changes misses nothing, even with several writers, and contains withdrawals."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest
from astropy.table import Table
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tests.api_client import API, client_of, text_of
from tests.backends import choose
from tests.factories import spectrum_file
from triage.export import classifications
from triage.intake.submit import Given, submit_spectrum
from triage.models import Classification, ClassificationChange, Decision, Transient
from triage.review import decisions
from triage.review.changes import note_change
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


def transient(user: User, name: str, group: Group | None = None, seed: int = 1) -> Transient:
    submit_spectrum(user, spectrum_file(seed=seed), f"{name}.txt", Given(transient=name, group=group))
    return Transient.objects.get(name=name)


def decide(user: User, about: Transient, class_name: str = "TDE", verdict: str = "override") -> Decision:
    return decisions.record_decision(user, about, Proposal(verdict, class_name=class_name))


def follow(api: APIClient, since: str, **query: Any) -> tuple[list[dict[str, Any]], str]:
    """Return all changes after a cursor, read page by page, and the cursor for the next time."""
    rows, address = [], f"{API}/classifications/?{urlencode({'since': since, **query})}"
    while address:
        parts = urlsplit(address)
        answer = api.get(f"{parts.path}?{parts.query}").json()
        rows += answer["results"]
        address, since = answer["next"], answer["since"]
    return rows, since


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(row["transient"], row["class_name"], row["withdrawn"]) for row in rows]


def test_a_reader_with_a_cursor_gets_new_and_withdrawn_classifications(reviewer: User) -> None:
    api = client_of(reviewer)
    about = transient(reviewer, "A")
    first = decide(reviewer, about, "TDE")
    rows, since = follow(api, "c0")
    assert told(rows) == [("A", "TDE", False)]
    assert follow(api, since) == ([], since)
    decide(reviewer, about, "AGN")
    rows, since = follow(api, since)
    assert told(rows) == [("A", "TDE", True), ("A", "AGN", False)]
    assert rows[0]["id"] == first.pk
    decide(reviewer, about, "", "bad_spectrum")
    rows, since = follow(api, since)
    assert told(rows) == [("A", "AGN", True)]
    decisions.undo(reviewer, Decision.objects.latest("id").pk)
    rows, since = follow(api, since)
    assert told(rows) == [("A", "AGN", False)]
    decide(reviewer, about, "", "unsure")
    assert told(follow(api, since)[0]) == [("A", "AGN", True)]


def test_the_list_of_classifications_has_no_withdrawals_and_gives_the_next_cursor(reviewer: User) -> None:
    api = client_of(reviewer)
    about = transient(reviewer, "A")
    undone = decide(reviewer, about, "AGN")
    decisions.undo(reviewer, undone.pk)
    decide(reviewer, about, "TDE")
    listed = api.get(f"{API}/classifications/").json()
    assert [row["class_name"] for row in listed["results"]] == ["TDE"]
    assert "withdrawn" not in listed["results"][0]
    assert follow(api, listed["since"])[0] == []
    timed = api.get(f"{API}/classifications/?since=2020-01-01").json()["results"]
    assert [row["class_name"] for row in timed] == ["TDE"]


def test_pages_of_changes_join_without_a_gap(reviewer: User) -> None:
    api = client_of(reviewer)
    for number in range(7):
        decide(reviewer, transient(reviewer, f"T{number}", seed=number))
    rows, _ = follow(api, "c0", page_size=2)
    assert [row["transient"] for row in rows] == [f"T{number}" for number in range(7)]
    sequence = [row["sequence"] for row in rows]
    assert sequence == sorted(set(sequence))


def test_a_filter_moves_the_cursor_past_the_rows_that_it_leaves_out(reviewer: User) -> None:
    api = client_of(reviewer)
    for number, class_name in enumerate(("TDE", "AGN", "TDE")):
        decide(reviewer, transient(reviewer, f"T{number}", seed=number), class_name)
    rows, since = follow(api, "c0", class_name="AGN")
    assert [row["transient"] for row in rows] == ["T1"]
    assert follow(api, since)[0] == []


def test_a_cursor_that_was_never_given_out_is_refused(reviewer: User) -> None:
    answer = client_of(reviewer).get(f"{API}/classifications/?since=c999")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_changes_to_a_groups_classifications_are_visible_to_the_group_only(make_user: Callable[..., User]) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    about = transient(alice, "secret", Group.objects.get(name="a"))
    decisions.undo(alice, decide(alice, about).pk)
    assert len(follow(client_of(alice), "c0")[0]) == 2
    assert follow(client_of(bob), "c0") == ([], "c0")
    # Whether a cursor is known tells nothing of how much the group did.
    assert client_of(bob).get(f"{API}/classifications/?since=c1").status_code == 400


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["TDE", "AGN", "unsure", "bad_spectrum", "undo", "read"]), max_size=14))
def test_a_reader_who_follows_the_changes_ends_with_the_current_classifications(
    reviewer: User, steps: list[str]
) -> None:
    with transaction.atomic():
        api = client_of(reviewer)
        subjects = [transient(reviewer, f"H{number}", seed=number) for number in range(2)]
        mirror: dict[int, dict[str, Any]] = {}
        since = "c0"

        def read() -> str:
            rows, later = follow(api, since)
            for row in rows:
                if row["withdrawn"]:
                    del mirror[row["id"]]
                else:
                    assert row["id"] not in mirror
                    mirror[row["id"]] = row
            return later

        for number, step in enumerate(steps):
            about = subjects[number % 2]
            standing = Classification.objects.filter(transient=about).first()
            if step == "read":
                since = read()
            elif step == "undo":
                if standing is not None:
                    decisions.undo(reviewer, standing.decision_id)
            elif step in ("unsure", "bad_spectrum"):
                decide(reviewer, about, "", step)
            else:
                decide(reviewer, about, step)
        read()
        assert set(mirror) == {row["id"] for row in api.get(f"{API}/classifications/").json()["results"]}
        transaction.set_rollback(True)


# SQLite runs one writing transaction at a time, and the tests' database in memory allows no second connection.
together = pytest.mark.skipif("postgres" not in choose()[0], reason="writers at the same time need Postgres")


@together
@pytest.mark.django_db(transaction=True)
def test_a_sequence_number_becomes_visible_only_after_all_smaller_ones(reviewer: User) -> None:
    """One writer takes its number and commits late; no other writer overtakes it."""
    slow, quick = (transient(reviewer, name, seed=seed) for seed, name in enumerate(("slow", "quick")))
    drawn, go_on = threading.Event(), threading.Event()

    def dawdle() -> None:
        with transaction.atomic():
            decide(reviewer, slow)
            drawn.set()
            go_on.wait(20)
        connection.close()

    def hurry() -> None:
        decide(reviewer, quick)
        connection.close()

    first = threading.Thread(target=dawdle)
    first.start()
    assert drawn.wait(20)
    second = threading.Thread(target=hurry)
    second.start()
    second.join(0.5)
    assert follow(client_of(reviewer), "c0")[0] == []
    go_on.set()
    first.join(20)
    second.join(20)
    assert [row["transient"] for row in follow(client_of(reviewer), "c0")[0]] == ["slow", "quick"]


@together
@pytest.mark.django_db(transaction=True)
def test_a_reader_beside_many_writers_misses_nothing(reviewer: User) -> None:
    """Writers decide, override and undo while a reader keeps asking with its cursor."""
    writers, rounds = 6, 8
    subjects = [transient(reviewer, f"T{number}", seed=number) for number in range(writers)]
    errors: list[BaseException] = []

    def write(about: Transient) -> None:
        try:
            for number in range(rounds):
                decision = decide(reviewer, about, "TDE" if number % 2 else "AGN")
                if number % 3 == 2:
                    decisions.undo(reviewer, decision.pk)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(about,)) for about in subjects]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    since = 0
    while True:
        over = not any(thread.is_alive() for thread in threads)
        rows = list(classifications.changes_after(reviewer, since, classifications.Wanted())[:3])
        seen += [row.pk for row in rows]
        since = seen[-1] if seen else 0
        if over and not rows:
            break
    for thread in threads:
        thread.join()
    assert errors == []
    assert seen == list(ClassificationChange.objects.order_by("id").values_list("pk", flat=True))
    standing = {row.decision_id for row in classifications.vetted(reviewer, classifications.Wanted())}
    left = set()
    for change in ClassificationChange.objects.order_by("id"):
        (left.remove if change.withdrawn else left.add)(change.decision_id)
    assert left == standing


def test_an_unchanged_classification_is_not_recorded_as_a_change(reviewer: User) -> None:
    about = transient(reviewer, "A")
    decision = decide(reviewer, about)
    with transaction.atomic():
        note_change(about, None, decision, decision)
    assert ClassificationChange.objects.count() == 1


def test_changes_are_exported_as_tables_too(reviewer: User) -> None:
    api = client_of(reviewer)
    about = transient(reviewer, "A & <B>\u200b")
    decisions.undo(reviewer, decide(reviewer, about).pk)
    answer = api.get(f"{API}/classifications/?since=c0&format=csv&fields=transient,withdrawn,sequence")
    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert [row["withdrawn"] for row in rows] == ["False", "True"]
    assert answer.headers["X-Since"] == f"c{rows[-1]['sequence']}"
    assert set(rows[0]) == {"transient", "withdrawn", "sequence"}
    votable = text_of(api.get(f"{API}/classifications/?since=c0&format=votable"))
    table = Table.read(io.BytesIO(votable.encode()), format="votable")
    assert list(table["transient"]) == [about.name] * 2
    assert list(table["withdrawn"]) == [False, True]
    assert np.isnan(np.ma.filled(table["ra"].astype(float), np.nan)).all()
    assert str(table["ra"].unit) == "deg"
