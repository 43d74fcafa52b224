"""Classifications go out to SkyPortal: each once, and taken back when they do not stand any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.fakes.skyportal import PRIVATE, PUBLIC, TOKEN, FakeSkyPortal
from triage import inference, review
from triage.errors import InvalidActionError, NotFoundError
from triage.models import (
    Decision,
    PostKind,
    PostState,
    RemoteClassification,
    SkyPortalInstance,
    SkyPortalPost,
    Spectrum,
    Transient,
)
from triage.review import Proposal, record_decision
from triage.skyportal import outbox, sync

pytestmark = pytest.mark.django_db


def synced(server: FakeSkyPortal, *names: str, group: Group | None = None, **fields: Any) -> SkyPortalInstance:
    """A connection whose spectra are in the desk and classified."""
    for name in names:
        server.add_spectrum(name, (PRIVATE,) if group else (PUBLIC,))
    options = {"share_with": [PUBLIC], "posting_since": timezone.now(), **fields}
    instance = SkyPortalInstance(name="Fritz", url=server.url, group=group, **options)
    instance.token = TOKEN
    instance.save()
    sync.sync(instance)
    inference.process_queue()
    return instance


def decide(user: User, name: str, class_name: str, **details: Any) -> Decision:
    proposal = Proposal("override", class_name=class_name, **details)
    return record_decision(user, Transient.objects.get(name=name), proposal)


def deliver() -> int:
    """A round of the outbox, as if the time for another attempt had come."""
    SkyPortalPost.objects.update(next_attempt_at=None)
    return outbox.run(30)


def there(server: FakeSkyPortal) -> list[tuple[str, str, bool]]:
    return sorted((r["obj_id"], r["classification"], r["ml"]) for r in server.classifications.values())


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


def test_nothing_is_posted_unless_it_was_chosen_nor_what_was_decided_before(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    instance = synced(fritz, "ZTF1")
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    instance.decisions, instance.posting_since = "always", timezone.now()
    instance.save()
    deliver()
    assert there(fritz) == []


def test_only_what_vets_is_posted(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    record_decision(reviewer, Transient.objects.get(), Proposal("unsure"))
    deliver()
    assert there(fritz) == []


def test_with_the_policy_ask_it_waits_for_a_yes(fritz: FakeSkyPortal, reviewer: User) -> None:
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
    review.undo(reviewer, second.pk)
    deliver()
    assert there(fritz) == [("ZTF1", "Tidal Disruption Event", False)]
    states = dict(SkyPortalPost.objects.values_list("decision__class_name", "state"))
    assert states == {"TDE": "posted", "AGN": "withdrawn"}


def test_a_decision_undone_before_it_was_sent_is_never_sent(fritz: FakeSkyPortal, reviewer: User) -> None:
    instance = synced(fritz, "ZTF1", decisions="always")
    decision = decide(reviewer, "ZTF1", "TDE")
    outbox.derive(instance)
    review.undo(reviewer, decision.pk)
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
    assert "no name for “Star”" in errors["Star"]
    assert "has no class “QSO”" in errors["QSO"]
    assert there(fritz) == [("ZTF3", "AGN", False)]
    instance.share_with = []
    instance.save()
    decide(reviewer, "ZTF2", "AGN")
    deliver()
    post = SkyPortalPost.objects.get(decision__class_name="AGN", remote_name="ZTF2")
    assert (post.state, "which groups" in post.last_error) == (PostState.GIVEN_UP, True)
    instance.share_with = [PUBLIC]
    instance.save()
    outbox.answer(reviewer, post.pk, "replay")
    deliver()
    assert there(fritz) == [("ZTF2", "AGN", False), ("ZTF3", "AGN", False)]


def test_the_networks_classification_is_marked_as_a_machines_and_follows_a_new_prediction(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
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
    inference.process_queue()
    deliver()
    assert len(fritz.classifications) == len(fritz.annotations) == 1
    (annotation,) = fritz.annotations.values()
    assert annotation["data"]["redshift_used"] == 0.03
    record_decision(reviewer, Transient.objects.get(), Proposal("bad_spectrum"))
    deliver()
    assert (fritz.classifications, fritz.annotations) == ({}, {})


def test_our_own_posts_do_not_come_back_as_other_peoples(fritz: FakeSkyPortal, reviewer: User) -> None:
    instance = synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    fritz.add_spectrum("ZTF1", seed=99)
    instance.refresh_from_db()
    run = sync.sync(instance)
    assert run is not None
    assert run.new == 1
    assert RemoteClassification.objects.get().ours


def test_a_groups_decisions_go_to_its_own_connection_alone(
    fritz: FakeSkyPortal, make_user: Callable[..., User]
) -> None:
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
