"""Second opinions: votes, disputes, and what is hidden from each reviewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import classified, vetted, waiting
from triage.errors import InvalidActionError, InvalidDecisionError, NewerDecisionError, NotFoundError, NotYoursError
from triage.models import Classification, Decision, OutcomeState, ReviewPolicy, Spectrum, Transient
from triage.review import decisions, second_opinion
from triage.review.decisions import record_decision
from triage.review.outcome import Outcome, outcome_of, says_the_same
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(make_user: Callable[..., User]) -> list[User]:
    return [make_user(name) for name in ("ada", "ben", "cleo")]


def two_needed(group: Group | None = None, classes: tuple[str, ...] = ("TDE", "SN II"), below: Any = None) -> None:
    ReviewPolicy.objects.create(group=group, class_names=list(classes), below=below)


def vote(user: User, transient: Transient, class_name: str, **more: Any) -> Decision:
    return record_decision(user, transient, Proposal("override", class_name=class_name, **more))


def state(transient: Transient) -> str:
    row = Classification.objects.filter(transient=transient).first()
    return row.state if row else ""


def hidden(user: User, transient: Transient) -> bool:
    found: bool = Transient.objects.for_review(user).get(pk=transient.pk).hidden
    assert found == second_opinion.is_hidden(user, transient)
    return found


def test_without_a_policy_one_vote_is_enough(three: list[User]) -> None:
    transient = classified(three[0])
    vote(three[0], transient, "TDE")
    assert state(transient) == "done"
    assert not hidden(three[1], transient)


def test_a_class_of_the_policy_is_vetted_when_a_second_reviewer_agrees(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    first = vote(three[0], transient, "TDE")
    assert first.needs_second
    assert state(transient) == "second_opinion"
    assert vetted(three[0]) == {}
    assert waiting(three[1]) == []
    second = vote(three[1], transient, "TDE")
    assert second.blind
    assert second.decisions_seen == []
    assert state(transient) == "done"
    assert vetted(three[0]) == {"X": "TDE"}


def test_a_blind_vote_whose_answer_was_lost_is_recorded_once(three: list[User]) -> None:
    transient = classified(three[0])
    spectrum = Spectrum.objects.select_related("current_prediction").get()
    said = spectrum.current_prediction.class_name
    two_needed(classes=(said,))
    first = record_decision(three[0], transient, Proposal("confirm"))
    second = vote(three[1], transient, said, spectrum=spectrum.pk, last_decision=first.pk)
    assert (second.verdict, second.blind) == ("confirm", True)
    assert vote(three[1], transient, said, spectrum=spectrum.pk, last_decision=first.pk) == second
    assert Decision.objects.count() == 2


def test_a_vote_after_an_undone_one_is_not_called_blind(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    first = vote(three[0], transient, "TDE")
    undone = vote(three[1], transient, "AGN")
    assert undone.blind
    decisions.undo(three[1], undone.pk)
    assert hidden(three[1], transient)
    again = vote(three[1], transient, "TDE")
    assert not again.blind
    assert first.pk in again.decisions_seen
    assert state(transient) == "done"


def test_two_different_votes_are_a_dispute_that_a_third_settles(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    vote(three[0], transient, "TDE")
    vote(three[1], transient, "AGN")
    assert state(transient) == "disputed"
    assert vetted(three[2]) == {}
    assert not hidden(three[2], transient)
    last = vote(three[2], transient, "AGN")
    assert last.settles
    assert len(last.decisions_seen) == 2
    assert vetted(three[0]) == {"X": "AGN"}


def test_staff_can_settle_their_own_dispute_and_a_voter_can_change_sides(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    vote(three[0], transient, "TDE")
    vote(three[1], transient, "AGN")
    vote(three[1], transient, "SN II")
    assert state(transient) == "disputed"
    three[0].is_staff = True
    three[0].save()
    settled = vote(three[0], transient, "LBV")
    assert settled.settles
    assert vetted(three[0]) == {"X": "LBV"}
    decisions.undo(three[0], settled.pk)
    assert state(transient) == "disputed"
    vote(three[1], transient, "TDE")
    assert vetted(three[0]) == {"X": "TDE"}


def test_unsure_does_not_count_as_a_vote(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    vote(three[0], transient, "TDE")
    record_decision(three[1], transient, Proposal("unsure"))
    assert state(transient) == "second_opinion"
    assert hidden(three[1], transient)
    vote(three[2], transient, "TDE")
    assert state(transient) == "done"


def test_calling_the_spectrum_bad_disputes_a_vote_on_it_and_does_not_reject_it_yet(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    vote(three[0], transient, "TDE")
    record_decision(three[1], transient, Proposal("bad_spectrum"))
    assert state(transient) == "disputed"
    assert not Spectrum.objects.get().rejected
    record_decision(three[2], transient, Proposal("bad_spectrum"))
    assert state(transient) == "bad_spectrum"
    assert Spectrum.objects.get().rejected


def test_the_prediction_and_the_first_vote_are_hidden_until_the_reviewers_own_vote(three: list[User]) -> None:
    two_needed(below=1.0)
    transient = classified(three[0])
    record_decision(three[0], transient, Proposal("confirm"))
    assert not hidden(three[0], transient)
    assert hidden(three[1], transient)
    with pytest.raises(InvalidDecisionError, match="hidden"):
        record_decision(three[1], transient, Proposal("confirm"))
    predicted = Spectrum.objects.get().current_prediction
    assert predicted is not None
    decision = vote(three[1], transient, predicted.class_name)
    # A blind vote for the predicted class counts as a confirmation.
    assert (decision.verdict, decision.blind) == ("confirm", True)
    assert not hidden(three[1], transient)


def test_a_reviewer_overtaken_by_a_first_vote_is_not_told_its_class(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    vote(three[0], transient, "TDE")
    with pytest.raises(NewerDecisionError) as told:
        vote(three[1], transient, "AGN", last_decision=0)
    assert "TDE" not in told.value.detail
    assert "ada" not in told.value.detail


def test_a_policy_applies_by_predicted_or_decided_class_and_by_probability(three: list[User]) -> None:
    transient = classified(three[0])
    prediction = Spectrum.objects.get().current_prediction
    assert prediction is not None

    def asked(**values: Any) -> bool:
        ReviewPolicy.objects.all().delete()
        two_needed(**values)
        return second_opinion.needs_second(None, "override", "AGN", prediction)

    assert asked(classes=("AGN",))
    assert asked(classes=(prediction.class_name,))
    assert not asked(classes=("LBV",))
    assert asked(classes=(), below=min(prediction.probability + 0.001, 1.0))
    assert not asked(classes=(), below=prediction.probability - 0.001)
    assert second_opinion.needs_second(None, "override", "AGN", None)
    assert not second_opinion.needs_second(None, "unsure", "", prediction)
    assert transient.pk


def test_a_groups_policy_applies_to_the_group_only(make_user: Callable[..., User]) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    two_needed(alice.groups.get())
    private, public = classified(alice, "P", group=alice.groups.get()), classified(bob, "Q", seed=2)
    vote(alice, private, "TDE")
    vote(bob, public, "TDE")
    assert (state(private), state(public)) == ("second_opinion", "done")


def test_undoing_the_first_vote_lets_the_second_wait_for_another(three: list[User]) -> None:
    two_needed()
    transient = classified(three[0])
    first = vote(three[0], transient, "TDE")
    vote(three[1], transient, "TDE")
    decisions.undo(three[0], first.pk)
    assert state(transient) == "second_opinion"
    assert hidden(three[0], transient)


def test_only_staff_and_permitted_members_can_change_a_policy(make_user: Callable[..., User]) -> None:
    member, trusted, staff, other = (make_user(n, "a") for n in ("member", "trusted", "staff", "other"))
    trusted.user_permissions.add(Permission.objects.get(codename="change_reviewpolicy"))
    staff.is_staff = True
    staff.save()
    with pytest.raises(NotYoursError):
        second_opinion.change_policy(member, "a", ["TDE"], None)
    second_opinion.change_policy(trusted, "a", ["TDE"], 0.8)
    with pytest.raises(NotYoursError):
        second_opinion.change_policy(trusted, "", ["TDE"], None)
    second_opinion.change_policy(staff, "", ["TDE"], None)
    Group.objects.create(name="b")
    with pytest.raises(NotFoundError):
        second_opinion.change_policy(staff, "b", ["TDE"], None)
    for classes, below in ((["Nova of mine"], None), ([], 1.5)):
        with pytest.raises(InvalidActionError):
            second_opinion.change_policy(staff, "", classes, below)
    assert second_opinion.change_policy(staff, "", [], None) is None
    assert second_opinion.policies(other)[0]["policy"] is None
    assert ReviewPolicy.objects.get().below == 0.8


STEPS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["TDE", "AGN", "unsure", "bad_spectrum"]), st.booleans()), max_size=8
)


def ledger(steps: list[tuple[int, str, bool]]) -> list[Decision]:
    """Return unsaved decisions, as record_decision would write them if every vote needed a second one."""
    rows: list[Decision] = []
    for number, (who, said, staff) in enumerate(steps):
        before = outcome_of(rows)
        verdict = said if said in ("unsure", "bad_spectrum") else "override"
        user = User(pk=who, is_staff=staff)
        rows.append(
            Decision(
                pk=number + 1,
                reviewer_id=who,
                verdict=verdict,
                class_name="" if verdict == said else said,
                spectrum_id=1,
                needs_second=verdict == "override",
                settles=second_opinion.settles(user, verdict, before),
            )
        )
    return rows


@given(STEPS)
def test_nothing_is_done_without_two_agreeing_votes_or_a_settling_one(steps: list[tuple[int, str, bool]]) -> None:
    rows = ledger(steps)
    found = outcome_of(rows)
    if found is None or found.state != OutcomeState.DONE:
        return
    agreeing = {row.reviewer_id for row in rows if says_the_same(row, found.decision)}
    assert len(agreeing) > 1 or any(row.settles for row in rows)


@given(STEPS)
def test_the_voters_of_a_dispute_differ_and_an_open_round_has_one_voter(steps: list[tuple[int, str, bool]]) -> None:
    found = outcome_of(ledger(steps)) or Outcome(Decision(), OutcomeState.UNSURE)
    if found.state == OutcomeState.SECOND_OPINION:
        assert len(found.voters) == 1
    if found.state == OutcomeState.DISPUTED:
        assert len(found.voters) == len(found.votes) > 1
        assert not all(says_the_same(found.votes[0], vote) for vote in found.votes)
