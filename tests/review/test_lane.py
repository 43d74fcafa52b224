"""The automatic lane: what a policy that is on classifies, what it leaves to people, and when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import override, reviewed, send, waiting
from tests.review.lane_desk import POLICY, drawn, keeper, predicted, switched_on
from triage import tasks
from triage.errors import InvalidActionError, InvalidDecisionError, NotFoundError, NotYoursError
from triage.intake.facts import correct_spectrum
from triage.models import (
    AutomaticClassification,
    AutomaticPolicy,
    BlindSample,
    Brightness,
    Checkpoint,
    Decision,
    Prediction,
    QueueEntry,
    Spectrum,
)
from triage.queue import entries
from triage.queue.counts import counts
from triage.queue.filters import QueueFilter
from triage.queue.reasons import reason_of
from triage.review import automatic, claims, lane, runs
from triage.review.decisions import record_decision, undo
from triage.review.dry_run import DryRun, dry_run
from triage.review.proposal import Proposal
from triage.views.automatic_run import automatic_entries

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return keeper(make_user)


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben")


@pytest.fixture(autouse=True)
def early(ada: User) -> None:
    """Give the desk a checkpoint and a transient that came before any policy was switched on."""
    predicted(ada, "EARLY", 99)


def standing(user: User) -> dict[str, str]:
    rows = AutomaticClassification.objects.visible_to(user).standing()
    return dict(rows.values_list("transient__name", "class_name"))


def in_state(user: User, state: str) -> list[str]:
    return list(QueueFilter(state=state).rows(user).values_list("name", flat=True))


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


def test_a_drawn_transient_stays_in_the_queue_and_its_prediction_is_hidden(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "SURE", "UNSURE")
    switched_on(ada, share_for_people=0.5)
    sure = predicted(ada, "SURE", 1)
    predicted(ada, "UNSURE", 2, uncertainty=0.3)
    predicted(ada, "OTHER", 3)
    assert lane.run_policies() == 1
    assert lane.run_policies() == 0
    assert dict(BlindSample.objects.values_list("transient__name", "passed")) == {"SURE": True, "UNSURE": False}
    assert set(waiting(ben)) == {"SURE", "UNSURE", "EARLY"}
    assert reviewed(ben, "SURE").hidden
    assert reviewed(ben, "UNSURE").hidden
    assert not reviewed(ben, "EARLY").hidden
    with pytest.raises(InvalidDecisionError, match="hidden"):
        record_decision(ben, sure, Proposal("confirm"))
    decision = override(ben, sure, "SN Ia")
    assert (decision.blind, decision.verdict) == (True, "confirm")
    assert not reviewed(ben, "SURE").hidden
    assert not reviewed(ada, "SURE").hidden


def test_a_vote_that_was_undone_is_not_blind_again_for_who_gave_it(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "X")
    run = switched_on(ada)
    transient = predicted(ada, "X")
    lane.run_policies()
    undo(ben, override(ben, transient, "TDE").pk)
    assert reviewed(ada, "X").hidden
    assert not reviewed(ben, "X").hidden
    assert override(ben, transient, "SN Ia").blind is False
    assert runs.measured(run).voted == 0


def test_the_share_is_drawn_by_a_key_once_and_for_all(ada: User, settings: Any) -> None:
    run = switched_on(ada, share_for_people=0.2)
    first = [lane.is_drawn(run, pk) for pk in range(2000)]
    assert first == [lane.is_drawn(run, pk) for pk in range(2000)]
    assert 0.16 < sum(first) / 2000 < 0.24
    automatic.change_policy(ada, "", {**POLICY, "share_for_people": 0.4})
    wider = automatic.switch_on(ada, "", 10)
    assert all(lane.is_drawn(wider, pk) for pk in range(2000) if first[pk])
    settings.SECRET_KEY = "another"
    assert first != [lane.is_drawn(run, pk) for pk in range(2000)]


def test_the_false_rate_counts_blind_votes_and_later_verdicts_apart(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "A", "B", "C", "NOT SURE")
    run = switched_on(ada)
    predicted(ada, "NOT SURE", 9, uncertainty=0.5)
    made = {name: predicted(ada, name, seed) for seed, name in enumerate("ABCDE")}
    lane.run_policies()
    override(ben, made["A"], "SN Ia")
    override(ben, made["B"], "TDE")
    override(ben, made["D"], "SN II")
    found = runs.measured(run)
    assert (found.classified, found.sampled, found.voted, found.disagreed) == (2, 3, 2, 1)
    assert (found.vetted_later, found.changed_later) == (1, 1)
    assert found.false_rate == 0.5
    assert found.interval == pytest.approx((0.0945, 0.9055), abs=1e-4)


def test_a_trial_ends_after_its_number_and_what_it_classified_stays(ada: User) -> None:
    run = switched_on(ada, limit=2)
    for seed in range(3):
        predicted(ada, f"T{seed}", seed)
    assert lane.run_policies() == 2
    run.refresh_from_db()
    assert (run.reason, run.ended_by, run.recalled) == ("The trial has classified 2 transients.", None, False)
    assert len(standing(ada)) == 2


def test_a_blind_vote_that_disagrees_ends_a_trial_and_recalls_what_it_classified(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "A")
    run = switched_on(ada)
    transient = predicted(ada, "A", 1)
    predicted(ada, "B", 2)
    lane.run_policies()
    override(ben, transient, "TDE")
    predicted(ada, "C", 3)
    assert lane.run_policies() == 0
    run.refresh_from_db()
    assert run.recalled
    assert run.ended_by is None
    assert standing(ada) == {}
    assert set(waiting(ada)) == {"B", "C", "EARLY"}


def test_without_a_trial_the_dry_run_must_show_the_allowed_rate(ada: User, ben: User) -> None:
    with pytest.raises(InvalidActionError, match="leave a share to people"):
        switched_on(ada, limit=None)
    with pytest.raises(InvalidActionError, match="begin with a trial"):
        switched_on(ada, limit=None, share_for_people=0.05)
    for seed in range(4):
        override(ben, predicted(ada, f"T{seed}", seed), "SN Ia")
    run = automatic.switch_on(ada, "")
    assert (run.vetted, run.disagreed, runs.measured(run).bound) == (4, 0, pytest.approx(0.4899, abs=1e-4))


def test_a_policy_switches_itself_off_when_the_upper_bound_passes_the_allowed_rate(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "A", "B")
    for seed in range(4):
        override(ben, predicted(ada, f"T{seed}", seed), "SN Ia")
    run = switched_on(ada, limit=None, share_for_people=0.05)
    agreed, wrong = predicted(ada, "A", 11), predicted(ada, "B", 12)
    predicted(ada, "C", 13)
    lane.run_policies()
    override(ben, agreed, "SN Ia")
    lane.run_policies()
    run.refresh_from_db()
    assert run.ended_at is None
    override(ben, wrong, "TDE")
    lane.run_policies()
    run.refresh_from_db()
    assert run.reason == "The upper bound of the false rate is 56.35 %, more than the allowed 50.00 %."
    assert run.recalled
    assert "C" in waiting(ada)


def test_another_checkpoint_switches_a_policy_off(ada: User) -> None:
    run = switched_on(ada)
    predicted(ada, "X")
    Checkpoint.objects.update(current=False)
    Checkpoint.objects.create(hash="other", name="other", taxonomy_version="1", current=True)
    assert lane.run_policies() == 0
    run.refresh_from_db()
    assert run.ended_at is not None
    assert "Another checkpoint" in run.reason


def test_a_changed_policy_is_switched_off_and_the_same_one_goes_on(ada: User) -> None:
    run = switched_on(ada)
    automatic.change_policy(ada, "", POLICY)
    assert runs.current(None) == run
    automatic.change_policy(ada, "", {**POLICY, "probability": 0.9})
    assert runs.current(None) is None
    automatic.switch_on(ada, "", 5)
    automatic.change_policy(ada, "", {"class_names": []})
    assert runs.current(None) is None


def test_only_who_keeps_a_policy_switches_it_and_both_acts_are_in_the_audit_log(ada: User, ben: User) -> None:
    automatic.change_policy(ada, "", POLICY)
    with pytest.raises(NotYoursError):
        automatic.switch_on(ben, "", 5)
    with pytest.raises(NotYoursError):
        automatic.switch_off(ben, "")
    with pytest.raises(NotFoundError):
        automatic.switch_on(ben, "ePESSTO", 5)
    for limit in (0, 1001):
        with pytest.raises(InvalidActionError, match="1 to 1000"):
            automatic.switch_on(ada, "", limit)
    automatic.switch_on(ada, "", 5)
    with pytest.raises(InvalidActionError, match="on already"):
        automatic.switch_on(ada, "", 5)
    automatic.switch_off(ada, "")
    with pytest.raises(InvalidActionError, match="off already"):
        automatic.switch_off(ada, "")
    assert list(LogEntry.objects.order_by("id").values_list("change_message", flat=True)) == [
        "switched the automatic policy on, a trial of 5",
        "ended the run of the automatic policy: It was switched off.",
    ]


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


def test_a_vote_after_an_undone_blind_vote_is_not_counted(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "X")
    run = switched_on(ada)
    transient = predicted(ada, "X")
    lane.run_policies()
    undo(ben, override(ben, transient, "SN Ia").pk)
    assert override(ada, transient, "TDE").blind
    assert (runs.measured(run).sampled, runs.measured(run).voted) == (1, 0)


def test_ending_a_run_twice_ends_it_once(ada: User) -> None:
    run = switched_on(ada)
    assert runs.end(run, "First.")
    assert not runs.end(run, "Second.", recall=True)
    run.refresh_from_db()
    assert (run.reason, run.recalled) == ("First.", False)


def test_a_policy_that_changes_during_its_dry_run_is_not_switched_on(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(user: User, policy: AutomaticPolicy) -> DryRun:
        automatic.change_policy(ada, "", {**POLICY, "probability": 0.5})
        return dry_run(user, policy)

    automatic.change_policy(ada, "", POLICY)
    monkeypatch.setattr(automatic, "dry_run", meanwhile)
    with pytest.raises(InvalidActionError, match="changed meanwhile"):
        automatic.switch_on(ada, "", 5)
    assert runs.current(None) is None


def test_predictions_of_an_earlier_checkpoint_prove_nothing_about_the_current_one(ada: User, ben: User) -> None:
    for seed in range(4):
        override(ben, predicted(ada, f"T{seed}", seed), "SN Ia")
    Checkpoint.objects.update(current=False)
    Checkpoint.objects.create(hash="other", name="other", taxonomy_version="1", current=True)
    with pytest.raises(InvalidActionError, match="begin with a trial"):
        switched_on(ada, limit=None, share_for_people=0.05)


def test_an_automatic_classification_keeps_what_the_light_curve_said(ada: User) -> None:
    switched_on(ada)
    prediction = predicted(ada, "X").spectra.get().current_prediction
    Brightness.objects.create(prediction=prediction, points=3, absolute=-19.3, absolute_error=0.2, filter="ztfg")
    lane.run_policies()
    assert AutomaticClassification.objects.get().prediction_seen["brightness"]["absolute"] == -19.3


def test_a_drawn_transient_with_a_bad_spectrum_has_no_vote_yet(
    ada: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch, "X")
    switched_on(ada)
    predicted(ada, "X", 1)
    transient = predicted(ada, "X", 2)
    lane.run_policies()
    spectrum = transient.spectra.earliest("id")
    record_decision(ben, transient, Proposal("bad_spectrum", spectrum=spectrum.pk))
    row = reviewed(ada, "X")
    assert (row.hidden, row.standing_state) == (True, "bad_spectrum")
    assert reason_of(row, None, None) == "your vote is wanted, and given blind"


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
