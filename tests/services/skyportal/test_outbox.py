"""Classifications are posted to SkyPortal once each, and withdrawn when they no longer stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.fakes.skyportal import PRIVATE, PUBLIC, TOKEN, FakeSkyPortal
from tests.fakes.skyportal_rounds import decide, deliver, synced, there
from triage.errors import InvalidActionError, NotFoundError
from triage.inference import worker
from triage.models import (
    PostKind,
    PostState,
    RemoteClassification,
    SkyPortalInstance,
    SkyPortalPost,
    Spectrum,
    Transient,
)
from triage.review import decisions
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.skyportal import outbox, sync
from triage.services.skyportal.standing import derive

pytestmark = pytest.mark.django_db


def test_a_vetted_classification_is_posted_once_under_the_servers_name(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    assert deliver() == 0
    decision = decide(reviewer, "ZTF1", "TDE")
    assert deliver() == 1
    assert deliver() == 0
    assert there(fritz) == [("ZTF1", "Tidal Disruption Event", False)]
    (row,) = fritz.classifications.values()
    assert (row["group_ids"], row["vote"], row["label"], row["taxonomy_id"]) == ([PUBLIC], False, False, 7)
    assert f"decision {decision.pk} by reviewer" in row["origin"]
    post = SkyPortalPost.objects.get()
    assert (post.state, post.remote_id) == (PostState.POSTED, row["id"])


def test_only_decisions_made_after_posting_was_chosen_are_posted(fritz: FakeSkyPortal, reviewer: User) -> None:
    instance = synced(fritz, "ZTF1")
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    instance.decisions, instance.posting_since = "always", timezone.now()
    instance.save()
    deliver()
    assert there(fritz) == []


def test_only_vetted_classifications_are_posted(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    record_decision(reviewer, Transient.objects.get(), Proposal("unsure"))
    deliver()
    assert there(fritz) == []


def test_with_the_policy_ask_a_post_waits_for_approval(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", "ZTF2", decisions="ask")
    for name in ("ZTF1", "ZTF2"):
        decide(reviewer, name, "AGN")
    deliver()
    assert there(fritz) == []
    first, second = SkyPortalPost.objects.order_by("remote_name")
    outbox.answer(reviewer, first.pk, "approve")
    outbox.answer(reviewer, second.pk, "refuse")
    with pytest.raises(InvalidActionError):
        outbox.answer(reviewer, second.pk, "approve")
    deliver()
    assert there(fritz) == [("ZTF1", "AGN", False)]
    outbox.answer(reviewer, second.pk, "replay")
    deliver()
    assert len(there(fritz)) == 2


def test_a_superseded_decision_is_withdrawn_and_an_undo_posts_it_again(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    second = decide(reviewer, "ZTF1", "AGN")
    deliver()
    assert there(fritz) == [("ZTF1", "AGN", False)]
    decisions.undo(reviewer, second.pk)
    deliver()
    assert there(fritz) == [("ZTF1", "Tidal Disruption Event", False)]
    states = dict(SkyPortalPost.objects.values_list("decision__class_name", "state"))
    assert states == {"TDE": "posted", "AGN": "withdrawn"}


def test_a_decision_undone_before_it_was_sent_is_never_sent(fritz: FakeSkyPortal, reviewer: User) -> None:
    instance = synced(fritz, "ZTF1", decisions="always")
    decision = decide(reviewer, "ZTF1", "TDE")
    derive(instance)
    decisions.undo(reviewer, decision.pk)
    deliver()
    assert fritz.count("POST", "/api/classification") == 0
    assert SkyPortalPost.objects.get().state == PostState.WITHDRAWN


def test_a_class_the_server_does_not_have_is_given_up_at_once_and_can_be_replayed(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    instance = synced(fritz, "ZTF1", "ZTF2", "ZTF3", decisions="always")
    decide(reviewer, "ZTF1", "Star")
    decide(reviewer, "ZTF2", "QSO")
    decide(reviewer, "ZTF3", "AGN")
    deliver()
    errors = dict(SkyPortalPost.objects.values_list("decision__class_name", "last_error"))
    assert "no class “Star”" in errors["Star"]
    assert "has no class “QSO”" in errors["QSO"]
    assert there(fritz) == [("ZTF3", "AGN", False)]
    instance.share_with = []
    instance.save()
    decide(reviewer, "ZTF2", "AGN")
    deliver()
    post = SkyPortalPost.objects.get(decision__class_name="AGN", remote_name="ZTF2")
    assert (post.state, "names no groups" in post.last_error) == (PostState.GIVEN_UP, True)
    instance.share_with = [PUBLIC]
    instance.save()
    outbox.answer(reviewer, post.pk, "replay")
    deliver()
    assert there(fritz) == [("ZTF2", "AGN", False), ("ZTF3", "AGN", False)]


def test_a_posted_prediction_is_marked_as_ml_and_follows_a_new_prediction(fritz: FakeSkyPortal, reviewer: User) -> None:
    instance = synced(fritz, "ZTF1", predictions="always")
    deliver()
    prediction = Spectrum.objects.get().current_prediction
    assert prediction is not None
    (row,) = fritz.classifications.values()
    assert (row["ml"], row["vote"], row["label"]) == (True, False, False)
    assert row["probability"] == pytest.approx(prediction.probability, abs=1e-3)
    assert prediction.checkpoint.hash[:12] in row["origin"]
    (annotation,) = fritz.annotations.values()
    assert annotation["data"]["novelty"] == pytest.approx(prediction.novelty, abs=1e-3)
    fritz.sources["ZTF1"] |= {"redshift": 0.03, "modified": fritz.now()}
    instance.refresh_from_db()
    sync.sync(instance)
    worker.process_backlog()
    deliver()
    assert len(fritz.classifications) == len(fritz.annotations) == 1
    (annotation,) = fritz.annotations.values()
    assert annotation["data"]["redshift_used"] == 0.03
    record_decision(reviewer, Transient.objects.get(), Proposal("bad_spectrum"))
    deliver()
    assert (fritz.classifications, fritz.annotations) == ({}, {})


def test_our_own_posts_are_recognised_when_they_come_back(fritz: FakeSkyPortal, reviewer: User) -> None:
    instance = synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    fritz.add_spectrum("ZTF1", seed=99)
    instance.refresh_from_db()
    run = sync.sync(instance)
    assert run is not None
    assert run.new == 1
    assert RemoteClassification.objects.get().ours


def test_a_groups_decisions_go_to_its_own_connection_only(fritz: FakeSkyPortal, make_user: Callable[..., User]) -> None:
    fritz.tokens = {TOKEN: {PRIVATE}}
    alice, bob = make_user("alice", "a"), make_user("bob")
    synced(fritz, "ZTF1", group=Group.objects.get(name="a"), decisions="ask")
    public = SkyPortalInstance(name="Other", url=fritz.url, decisions="always", share_with=[PUBLIC])
    public.token = TOKEN
    public.save()
    decide(alice, "ZTF1", "TDE")
    deliver()
    post = SkyPortalPost.objects.get()
    assert (post.instance.name, post.kind) == ("Fritz", PostKind.DECISION)
    assert not SkyPortalPost.objects.visible_to(bob).exists()
    with pytest.raises(NotFoundError):
        outbox.answer(bob, post.pk, "approve")
