"""The share of transients that people classify blind, and the false rate that it measures."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.factories import override, reviewed, waiting
from tests.review.lane.desk import POLICY, drawn, predicted, switched_on
from triage.errors import InvalidDecisionError
from triage.models import (
    BlindSample,
)
from triage.queue.reasons import reason_of
from triage.review import automatic, lane, runs
from triage.review.decisions import record_decision, undo
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db

pytestmark = pytest.mark.django_db


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
