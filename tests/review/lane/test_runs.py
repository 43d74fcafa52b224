"""Runs of a policy: what begins one, and what ends it."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from tests.factories import override, waiting
from tests.review.lane.desk import POLICY, drawn, predicted, standing, switched_on
from triage.errors import InvalidActionError, NotFoundError, NotYoursError
from triage.models import (
    AutomaticPolicy,
    Checkpoint,
)
from triage.review import automatic, lane, runs
from triage.review.dry_run import DryRun, dry_run

pytestmark = pytest.mark.django_db

pytestmark = pytest.mark.django_db


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
