"""Decisions: recorded, undone, and the classification that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api_client import API, client_of
from tests.factories import classified, spectrum_file, vetted, waiting
from triage.errors import (
    AlreadyUndoneError,
    InvalidDecisionError,
    NewerDecisionError,
    NotFoundError,
    NotYourDecisionError,
    StalePredictionError,
    UnknownClassError,
)
from triage.inference import worker
from triage.intake import reread
from triage.intake.submit import Given, submit_spectrum
from triage.models import Classification, Decision, ReviewPolicy, Spectrum, Transient
from triage.models.prediction import ImmutableRecordError
from triage.review import decisions
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


def test_confirming_takes_the_predictions_class_and_leaves_the_queue(reviewer: User) -> None:
    transient = classified(reviewer)
    assert waiting(reviewer) == ["X"]
    decision = record_decision(reviewer, transient, Proposal("confirm"))
    prediction = Spectrum.objects.get().current_prediction
    assert prediction is not None
    assert decision.class_name == prediction.class_name
    assert decision.prediction_seen["checkpoint"] == prediction.checkpoint.hash
    assert decision.spectra_seen == [Spectrum.objects.get().pk]
    assert waiting(reviewer) == []


def test_an_override_names_any_class_of_the_taxonomy_by_name_or_alias(reviewer: User) -> None:
    transient = classified(reviewer)
    decision = record_decision(reviewer, transient, Proposal("override", class_name="91bg"))
    assert decision.class_name == "SN Ia-91bg"
    with pytest.raises(UnknownClassError):
        record_decision(reviewer, transient, Proposal("override", class_name="SN Iz"))
    with pytest.raises(InvalidDecisionError):
        record_decision(reviewer, transient, Proposal("override"))


def test_only_confirm_and_override_vet(reviewer: User) -> None:
    transient = classified(reviewer)
    record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
    assert vetted(reviewer) == {"X": "TDE"}
    record_decision(reviewer, transient, Proposal("unsure"))
    assert vetted(reviewer) == {}
    assert waiting(reviewer) == []


def test_undo_lets_the_earlier_decision_stand_again(reviewer: User) -> None:
    transient = classified(reviewer)
    record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
    second = record_decision(reviewer, transient, Proposal("override", class_name="AGN"))
    row = decisions.undo(reviewer, second.pk)
    assert row.supersedes == second
    assert vetted(reviewer) == {"X": "TDE"}
    assert Decision.objects.count() == 3
    with pytest.raises(AlreadyUndoneError):
        decisions.undo(reviewer, second.pk)
    with pytest.raises(InvalidDecisionError):
        decisions.undo(reviewer, row.pk)


def test_a_user_can_undo_only_their_own_decisions(reviewer: User, make_user: Callable[..., User]) -> None:
    decision = record_decision(reviewer, classified(reviewer), Proposal("confirm"))
    with pytest.raises(NotYourDecisionError):
        decisions.undo(make_user("other"), decision.pk)


def test_a_prediction_that_is_no_longer_current_is_stale(reviewer: User) -> None:
    transient = classified(reviewer)
    spectrum = Spectrum.objects.get()
    seen = spectrum.current_prediction_id
    reread.read_again(reviewer, spectrum, {"frame": "rest"})
    worker.process_backlog()
    with pytest.raises(StalePredictionError):
        record_decision(reviewer, transient, Proposal("confirm", prediction=seen))
    record_decision(reviewer, transient, Proposal("confirm", prediction=Spectrum.objects.get().current_prediction_id))


def test_a_prediction_of_another_transient_is_refused(reviewer: User) -> None:
    transient = classified(reviewer)
    classified(reviewer, "Y", seed=2)
    other = Spectrum.objects.get(transient__name="Y").current_prediction_id
    with pytest.raises(InvalidDecisionError):
        record_decision(reviewer, transient, Proposal("confirm", prediction=other))


def test_one_bad_spectrum_among_several_leaves_the_transient_in_the_queue(reviewer: User) -> None:
    transient = classified(reviewer)
    classified(reviewer, seed=2)
    with pytest.raises(InvalidDecisionError, match="which"):
        record_decision(reviewer, transient, Proposal("bad_spectrum"))
    first, second = Spectrum.objects.order_by("id")
    decision = record_decision(reviewer, transient, Proposal("bad_spectrum", spectrum=first.pk))
    assert waiting(reviewer) == ["X"]
    record_decision(reviewer, transient, Proposal("bad_spectrum", spectrum=second.pk))
    assert waiting(reviewer) == []
    decisions.undo(reviewer, decision.pk)
    first.refresh_from_db()
    assert not first.rejected


def test_a_decision_on_a_private_spectrum_is_visible_to_its_group_only(make_user: Callable[..., User]) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    transient = classified(alice, group=alice.groups.get())
    record_decision(alice, transient, Proposal("override", class_name="TDE"))
    assert vetted(alice) == {"X": "TDE"}
    assert vetted(bob) == {}
    assert not Transient.objects.visible_to(bob).exists()
    with pytest.raises(NotFoundError):
        record_decision(bob, transient, Proposal("confirm"))


def test_each_audience_has_its_own_standing_classification(make_user: Callable[..., User]) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob")
    transient = classified(bob)
    private = submit_spectrum(
        alice, spectrum_file(seed=5), "p", Given(transient="X", group=alice.groups.get())
    ).spectrum
    worker.process_backlog()
    record_decision(bob, transient, Proposal("override", class_name="TDE"))
    private.refresh_from_db()
    record_decision(alice, transient, Proposal("override", class_name="AGN", prediction=private.current_prediction_id))
    assert vetted(bob) == {"X": "TDE"}
    assert vetted(alice) == {"X": "AGN"}


def test_the_ledger_cannot_be_edited(reviewer: User) -> None:
    decision = record_decision(reviewer, classified(reviewer), Proposal("confirm"))
    with pytest.raises(ImmutableRecordError):
        decision.save()
    with pytest.raises(ImmutableRecordError):
        decision.delete()


VERDICTS = st.sampled_from(["confirm", "override", "unsure", "bad_spectrum", "undo"])


@given(steps=st.lists(st.tuples(VERDICTS, st.integers(0, 1), st.integers(0, 5)), max_size=14))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_classification_is_the_last_decision_that_was_not_undone(
    steps: list[tuple[str, int, int]], make_user: Callable[..., User]
) -> None:
    """Compare any sequence of decisions by two reviewers with a plain list of them."""
    people = [User.objects.filter(username=n).first() or make_user(n) for n in ("one", "two")]
    number = Transient.objects.count()
    transient = classified(people[0], f"T{number}", seed=number)
    standing: list[Decision] = []
    for verdict, who, which in steps:
        mine = [d for d in standing if d.reviewer == people[who]]
        if verdict == "undo":
            if mine:
                taken_back = mine[which % len(mine)]
                decisions.undo(people[who], taken_back.pk)
                standing.remove(taken_back)
            continue
        name = "TDE" if verdict == "override" else ""
        spectrum = Spectrum.objects.get(transient=transient).pk
        decision = record_decision(people[who], transient, Proposal(verdict, class_name=name, spectrum=spectrum))
        if decision not in standing:
            standing.append(decision)
        assert decision == standing[-1]
    row = Classification.objects.filter(transient=transient).first()
    assert (row.decision if row else None) == (standing[-1] if standing else None)
    assert Spectrum.objects.get(transient=transient).rejected == (
        bool(standing) and standing[-1].verdict == "bad_spectrum"
    )


def test_a_reviewer_is_told_of_a_decision_made_meanwhile(reviewer: User, make_user: Callable[..., User]) -> None:
    transient = classified(reviewer)
    other = make_user("other")
    first = record_decision(other, transient, Proposal("override", class_name="TDE", last_decision=0))
    with pytest.raises(NewerDecisionError, match="other decided"):
        record_decision(reviewer, transient, Proposal("override", class_name="AGN", last_decision=0))
    assert vetted(reviewer) == {"X": "TDE"}
    record_decision(reviewer, transient, Proposal("override", class_name="AGN", last_decision=first.pk))
    assert vetted(reviewer) == {"X": "AGN"}


def test_a_verdict_whose_answer_was_lost_is_recorded_once(reviewer: User) -> None:
    transient = classified(reviewer)
    spectrum = Spectrum.objects.get().pk
    page = {"spectrum": spectrum, "last_decision": 0}
    first = record_decision(reviewer, transient, Proposal("confirm", **page))
    assert record_decision(reviewer, transient, Proposal("confirm", **page)) == first
    # Another comment on the same page makes another decision, and so does the same one after an undo.
    record_decision(reviewer, transient, Proposal("confirm", comment="sure", **page))
    again = record_decision(reviewer, transient, Proposal("override", class_name="SLSN-I", **page))
    decisions.undo(reviewer, again.pk)
    record_decision(reviewer, transient, Proposal("override", class_name="SLSN-I", **page))
    assert Decision.objects.count() == 5


def test_a_client_that_names_only_the_prediction_may_send_a_decision_twice(reviewer: User) -> None:
    transient = classified(reviewer)
    seen = Proposal("confirm", prediction=Spectrum.objects.get().current_prediction_id, last_decision=0)
    assert record_decision(reviewer, transient, seen) == record_decision(reviewer, transient, seen)
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"verdict": "confirm"},
        {"verdict": "override", "class_name": "tde", "redshift": 0.03, "comment": " broad "},
        {"verdict": "unsure"},
        {"verdict": "bad_spectrum"},
    ],
)
def test_a_decision_sent_many_times_is_recorded_once_without_a_word_of_what_was_seen(
    reviewer: User, sent: dict[str, Any]
) -> None:
    classified(reviewer)
    api = client_of(reviewer)
    answers = [api.post(f"{API}/transients/X/decisions/", sent, format="json") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert {answer.json()["id"] for answer in answers} == {Decision.objects.get().pk}


def test_the_same_decision_is_recorded_again_if_something_happened_in_between(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    transient, other = classified(reviewer), make_user("other")
    same = Proposal("override", class_name="TDE")
    steps = [
        lambda first: decisions.undo(reviewer, first.pk),
        lambda first: record_decision(other, transient, same),
        lambda first: record_decision(reviewer, transient, replace(same, comment="broad")),
        lambda first: record_decision(reviewer, transient, replace(same, redshift=0.03)),
        lambda first: classified(reviewer, seed=2),
        lambda first: ReviewPolicy.objects.create(class_names=["TDE"]),
    ]
    first = record_decision(reviewer, transient, same)
    for step in steps:
        step(first)
        second = record_decision(reviewer, transient, same)
        assert second != first
        assert record_decision(reviewer, transient, same) == second
        first = second


def test_a_blind_vote_that_is_sent_again_is_recorded_once(reviewer: User, make_user: Callable[..., User]) -> None:
    transient, other = classified(reviewer), make_user("other")
    ReviewPolicy.objects.create(below=1)
    record_decision(other, transient, Proposal("confirm"))
    vote = Proposal("override", class_name=Spectrum.objects.get().current_prediction.class_name)
    first = record_decision(reviewer, transient, vote)
    assert (first.verdict, first.blind) == ("confirm", True)
    assert record_decision(reviewer, transient, vote) == first


def test_an_unknown_class_is_refused_with_similar_names(reviewer: User) -> None:
    with pytest.raises(UnknownClassError, match="did you mean SN Ibn"):
        record_decision(reviewer, classified(reviewer), Proposal("override", class_name="SN Ibnn"))


def test_calling_another_epoch_bad_leaves_a_vetted_classification_standing(reviewer: User) -> None:
    transient = classified(reviewer)
    classified(reviewer, seed=2)
    first, second = Spectrum.objects.order_by("id")
    record_decision(reviewer, transient, Proposal("override", class_name="TDE", spectrum=first.pk))
    record_decision(reviewer, transient, Proposal("bad_spectrum", spectrum=second.pk))
    assert vetted(reviewer) == {"X": "TDE"}
    record_decision(reviewer, transient, Proposal("bad_spectrum", spectrum=first.pk))
    assert vetted(reviewer) == {}


def test_a_later_verdict_on_a_bad_spectrum_takes_it_back_into_use(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    transient = classified(reviewer)
    record_decision(reviewer, transient, Proposal("bad_spectrum"))
    spectrum = Spectrum.objects.get()
    assert spectrum.rejected
    record_decision(make_user("other"), transient, Proposal("confirm", prediction=spectrum.current_prediction_id))
    spectrum.refresh_from_db()
    assert not spectrum.rejected


def test_a_public_decision_reveals_nothing_about_private_spectra(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    owner = make_user("owner", "A", "B")
    transient = classified(owner)
    group = owner.groups.get(name="A")
    classified(owner, seed=2, group=group)
    public, private = Spectrum.objects.order_by("id")
    with pytest.raises(InvalidDecisionError, match="another spectrum"):
        record_decision(
            owner, transient, Proposal("confirm", spectrum=public.pk, prediction=private.current_prediction_id)
        )
    decision = record_decision(owner, transient, Proposal("confirm", prediction=public.current_prediction_id))
    assert decision.spectra_seen == [public.pk]
    inner = record_decision(owner, transient, Proposal("confirm", prediction=private.current_prediction_id))
    assert inner.group == group
    assert set(inner.spectra_seen) == {public.pk, private.pk}


def test_a_decision_on_spectra_of_several_groups_must_name_its_spectrum(
    make_user: Callable[..., User],
) -> None:
    owner = make_user("owner", "A", "B")
    for seed, name in ((1, "A"), (2, "B")):
        submit_spectrum(
            owner, spectrum_file(seed=seed), f"{seed}.txt", Given(transient="X", group=owner.groups.get(name=name))
        )
    transient = Transient.objects.get()
    with pytest.raises(InvalidDecisionError, match="several groups"):
        record_decision(owner, transient, Proposal("override", class_name="AGN"))
    spectrum = Spectrum.objects.order_by("id").first()
    assert spectrum is not None
    decision = record_decision(owner, transient, Proposal("override", class_name="AGN", spectrum=spectrum.pk))
    assert decision.group == spectrum.group
