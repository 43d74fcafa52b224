"""A policy that is on classifies what passes, and leaves the rest to people."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import override, reviewed, send, waiting
from tests.review.lane.desk import drawn, in_state, predicted, standing, switched_on
from triage import tasks
from triage.intake.facts import correct_spectrum
from triage.models import (
    AutomaticClassification,
    AutomaticPolicy,
    Brightness,
    Checkpoint,
    Decision,
    Prediction,
    QueueEntry,
    Spectrum,
)
from triage.queue import entries
from triage.queue.counts import counts
from triage.review import automatic, claims, lane
from triage.review.decisions import record_decision, undo
from triage.review.dry_run import dry_run
from triage.review.proposal import Proposal
from triage.views.automatic_run import automatic_entries

pytestmark = pytest.mark.django_db

pytestmark = pytest.mark.django_db


def test_nothing_is_classified_while_no_policy_is_on(ada: User) -> None:
    AutomaticPolicy.objects.create(class_names=["SN Ia"])
    predicted(ada, "X")
    assert lane.run_policies() == 0
    assert set(waiting(ada)) == {"X", "EARLY"}
    run = switched_on(ada)
    automatic.switch_off(ada, "")
    predicted(ada, "Y", 2)
    assert lane.run_policies() == 0
    run.refresh_from_db()
    assert (run.ended_by, run.reason, run.recalled) == (ada, "It was switched off.", False)
    assert not AutomaticClassification.objects.exists()


def test_a_policy_that_is_on_classifies_what_came_since_and_passes(ada: User, ben: User) -> None:
    run = switched_on(ada)
    transient = predicted(ada, "SURE", 1)
    predicted(ada, "UNSURE", 2, uncertainty=0.3)
    assert lane.run_policies() == 1
    assert lane.run_policies() == 0
    row = AutomaticClassification.objects.get()
    assert (row.run, row.transient, row.group, row.class_name) == (run, transient, None, "SN Ia")
    assert row.prediction_seen["checkpoint"] == Checkpoint.objects.get().hash
    assert row.run.conditions == automatic.conditions(AutomaticPolicy.objects.get())
    assert set(waiting(ben)) == {"UNSURE", "EARLY"}
    assert in_state(ben, "automatic") == ["SURE"]
    assert reviewed(ben, "SURE").review_state == "automatic"
    assert (counts(ben)["automatic"], counts(ben)["pending"]) == (1, 2)
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"uncertainty": 0.03},
        {"novelty": 0.9},
        {"conformal_set": ["SN Ia", "SN Ic"]},
        {"crosscheck": None},
        {"class_name": "SN II"},
    ],
)
def test_a_policy_classifies_exactly_what_its_dry_run_passes(ada: User, values: dict[str, Any]) -> None:
    switched_on(ada, novelty=0.8, signal_to_noise=0.1)
    predicted(ada, "X", **values)
    run = dry_run(ada, AutomaticPolicy.objects.get())
    passed = [row.transient for row in run.passed if row.transient != "EARLY"]
    lane.run_policies()
    assert list(standing(ada)) == passed
    assert bool(passed) is (values == {})


def test_what_a_person_decided_or_looks_at_is_left_alone(ada: User, ben: User) -> None:
    switched_on(ada)
    undone, looked = predicted(ada, "UNDONE", 1), predicted(ada, "LOOKED", 2)
    override(ben, predicted(ada, "DECIDED", 3), "TDE")
    undo(ben, override(ben, undone, "TDE").pk)
    claims.claim(ben, looked)
    assert lane.run_policies() == 0
    claims.release(ben, looked)
    assert lane.run_policies() == 1
    assert standing(ada) == {"LOOKED": "SN Ia"}


def test_a_persons_verdict_wins_at_once_and_is_the_only_entry_of_the_ledger(ada: User, ben: User) -> None:
    switched_on(ada)
    transient = predicted(ada, "X")
    lane.run_policies()
    decision = override(ben, transient, "TDE")
    assert standing(ada) == {}
    assert (reviewed(ada, "X").review_state, in_state(ada, "automatic")) == ("done", [])
    assert AutomaticClassification.objects.count() == 1
    assert Decision.objects.get() == decision
    undo(ben, decision.pk)
    assert "X" in waiting(ada)
    assert lane.run_policies() == 0


def test_another_prediction_or_a_spectrum_that_contradicts_brings_it_back_to_the_queue(ada: User) -> None:
    switched_on(ada)
    predicted(ada, "X", 1)
    lane.run_policies()
    second = predicted(ada, "X", 2)
    assert standing(ada) == {"X": "SN Ia"}
    newer = second.spectra.latest("id").current_prediction
    assert newer is not None
    Prediction.objects.filter(pk=newer.pk).update(class_name="TDE", conformal_set=["TDE"])
    entries.rebuild()
    assert standing(ada) == {}
    assert "X" in waiting(ada)
    assert lane.run_policies() == 0


def test_a_groups_policy_concerns_its_own_spectra_and_nobody_else_sees_what_it_did(ada: User, ben: User) -> None:
    group = Group.objects.get(name="ePESSTO")
    switched_on(ada, "ePESSTO")
    predicted(ada, "PUBLIC", 1)
    predicted(ada, "BOTH", 2)
    predicted(ada, "BOTH", 3, group)
    predicted(ada, "PRIVATE", 4, group)
    assert lane.run_policies() == 2
    assert standing(ada) == {"BOTH": "SN Ia", "PRIVATE": "SN Ia"}
    assert standing(ben) == {}
    assert in_state(ada, "automatic") == ["PRIVATE"]
    assert in_state(ben, "automatic") == []
    # The public spectrum of BOTH was classified by nobody, so the transient waits for its group too.
    assert set(waiting(ada)) == set(waiting(ben)) == {"PUBLIC", "BOTH", "EARLY"}
    assert counts(ada)["automatic"] == 1
    assert counts(ada)["pending"] == counts(ben)["pending"] == 3


def test_what_both_policies_classified_is_automatic_for_the_group(ada: User, ben: User) -> None:
    group = Group.objects.get(name="ePESSTO")
    switched_on(ada, "ePESSTO")
    switched_on(ada)
    predicted(ada, "BOTH", 2)
    transient = predicted(ada, "BOTH", 3, group)
    assert lane.run_policies() == 2
    assert in_state(ada, "automatic") == in_state(ben, "automatic") == ["BOTH"]
    assert counts(ada)["automatic"] == counts(ben)["automatic"] == 1
    spectrum = transient.spectra.get(group=group)
    record_decision(ada, transient, Proposal("override", class_name="TDE", spectrum=spectrum.pk))
    assert (reviewed(ada, "BOTH").review_state, reviewed(ben, "BOTH").review_state) == ("done", "automatic")
    assert counts(ada)["automatic"] == 0


def test_the_demo_night_is_classified_only_while_there_are_no_other_spectra(ada: User) -> None:
    switched_on(ada)
    predicted(ada, "DEMO")
    Spectrum.objects.filter(transient__name="DEMO").update(simulated=True)
    assert lane.run_policies() == 0
    Spectrum.objects.update(simulated=True)
    assert lane.run_policies() == 1


def test_looking_for_work_takes_as_many_queries_for_many_transients_as_for_one(ada: User) -> None:
    def looked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert lane.run_policies() == 0
        return len(captured)

    switched_on(ada, share_for_people=0.01)
    predicted(ada, "T0", 0)
    lane.run_policies()
    few = looked()
    for seed in range(1, 5):
        predicted(ada, f"T{seed}", seed)
    lane.run_policies()
    assert looked() == few


def test_a_worker_that_saw_the_same_work_classifies_nothing_twice(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    run = switched_on(ada)
    for seed in range(3):
        predicted(ada, f"T{seed}", seed)
    seen = lane._candidates(run)
    monkeypatch.setattr(lane, "_candidates", lambda run: seen)
    assert (lane.run_policies(), lane.run_policies()) == (3, 0)
    assert AutomaticClassification.objects.count() == 3


@pytest.mark.skipif(connection.vendor == "sqlite", reason="threads of a test share one SQLite database in memory")
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_classify_each_transient_once_and_keep_to_the_trial(ada: User) -> None:
    switched_on(ada, limit=4)
    for seed in range(5):
        predicted(ada, f"T{seed}", seed)
    done: list[int] = []

    def work() -> None:
        done.append(lane.run_policies())
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(done) == AutomaticClassification.objects.count() == 4
    assert AutomaticClassification.objects.values("transient").distinct().count() == 4


def test_a_public_automatic_classification_ends_when_its_spectrum_becomes_private(ada: User, ben: User) -> None:
    switched_on(ada)
    transient = predicted(ada, "X")
    lane.run_policies()
    correct_spectrum(ada, transient.spectra.get(), {"group": Group.objects.get(name="ePESSTO")})
    assert not AutomaticClassification.objects.standing().exists()
    assert list(AutomaticClassification.objects.visible_to(ben)) == []
    assert automatic_entries(ben, transient, None) == []
    assert [entry.stands for entry in automatic_entries(ada, transient, None)] == [False]
    assert not QueueEntry.objects.filter(transient=transient, group=None).exists()
    assert counts(ben)["automatic"] == 0
    assert "X" in waiting(ada)


def test_an_automatic_classification_keeps_what_the_light_curve_said(ada: User) -> None:
    switched_on(ada)
    prediction = predicted(ada, "X").spectra.get().current_prediction
    Brightness.objects.create(prediction=prediction, points=3, absolute=-19.3, absolute_error=0.2, filter="ztfg")
    lane.run_policies()
    assert AutomaticClassification.objects.get().prediction_seen["brightness"]["absolute"] == -19.3


def test_policies_look_after_each_batch_and_hold_up_no_prediction_if_they_fail(
    ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drawn(monkeypatch, "X")
    switched_on(ada)
    send(ada, "X")
    tasks.process_backlog()
    assert reviewed(ada, "X").hidden

    def broken() -> int:
        raise ValueError("no")

    monkeypatch.setattr(lane, "run_policies", broken)
    spectrum = send(ada, "Y", 2)
    tasks.process_backlog()
    spectrum.refresh_from_db()
    assert spectrum.state == "classified"
    assert "policies failed" in caplog.text
