"""A post remembers the groups of the server that it went to, whatever becomes of the connection's groups."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.fakes.skyportal import PUBLIC, TOKEN, FakeSkyPortal
from tests.fakes.skyportal_rounds import decide, deliver, run, synced, there
from triage.inference import worker
from triage.models import PostState, SkyPortalInstance, SkyPortalPost, Spectrum
from triage.review import decisions

pytestmark = pytest.mark.django_db

EARLIER = 7


@pytest.fixture
def fritz(fritz: FakeSkyPortal) -> FakeSkyPortal:
    """Return a SkyPortal whose token belongs to two groups."""
    fritz.tokens = {TOKEN: {PUBLIC, EARLIER}}
    return fritz


def leave_earlier_group(fritz: FakeSkyPortal) -> None:
    """Take the token, and the connection's posts, out of the group EARLIER."""
    fritz.tokens = {TOKEN: {PUBLIC}}
    SkyPortalInstance.objects.update(share_with=[PUBLIC])


def test_the_groups_of_a_post_are_shown_after_the_connection_has_others(
    fritz: FakeSkyPortal, reviewer: User, client: Client
) -> None:
    synced(fritz, "ZTF1", "ZTF2", decisions="ask", share_with=[PUBLIC, EARLIER])
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    client.force_login(reviewer)
    assert client.get("/api/v1/skyportal/outbox/").json()["results"][0]["shared_with"] == []
    SkyPortalPost.objects.update(state=PostState.WAITING)
    deliver()
    SkyPortalInstance.objects.update(share_with=[PUBLIC])
    assert client.get("/api/v1/skyportal/outbox/").json()["results"][0]["shared_with"] == [PUBLIC, EARLIER]
    assert b"for groups 1, 7 there" in client.get(reverse("skyportal-outbox")).content


def test_a_post_to_a_group_that_the_token_has_left_is_not_called_withdrawn(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    synced(fritz, "ZTF1", decisions="always", share_with=[EARLIER])
    decision = decide(reviewer, "ZTF1", "TDE")
    deliver()
    leave_earlier_group(fritz)
    fritz.kept = set(fritz.classifications)
    decisions.undo(reviewer, decision.pk)
    deliver()
    post = SkyPortalPost.objects.get()
    assert post.state == PostState.WITHDRAWING
    assert "group 7 there, which the token does not belong to" in post.last_error
    fritz.kept = set()
    deliver()
    post.refresh_from_db()
    assert (post.state, post.shared_with, fritz.classifications) == (PostState.WITHDRAWN, [EARLIER], {})


def test_a_post_whose_answer_was_lost_is_not_repeated_where_the_token_could_not_find_it(
    fritz: FakeSkyPortal, reviewer: User
) -> None:
    synced(fritz, "ZTF1", decisions="always", share_with=[EARLIER])
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    SkyPortalPost.objects.update(state=PostState.WAITING, remote_id=None)
    leave_earlier_group(fritz)
    deliver()
    assert len(there(fritz)) == 1
    assert "it may be there already" in SkyPortalPost.objects.get().last_error


def test_a_decision_that_stands_again_goes_to_the_groups_of_now(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always", share_with=[EARLIER])
    first = decide(reviewer, "ZTF1", "TDE")
    deliver()
    second = decide(reviewer, "ZTF1", "AGN")
    for _ in range(2):
        deliver()
    leave_earlier_group(fritz)
    decisions.undo(reviewer, second.pk)
    for _ in range(2):
        deliver()
    post = SkyPortalPost.objects.get(decision=first)
    assert (post.state, post.shared_with) == (PostState.POSTED, [PUBLIC])
    assert [row["group_ids"] for row in fritz.classifications.values()] == [[PUBLIC]]


def test_numbers_that_the_token_may_not_read_any_more_are_not_called_withdrawn(fritz: FakeSkyPortal) -> None:
    synced(fritz, "ZTF1", predictions="always", share_with=[EARLIER])
    deliver()
    leave_earlier_group(fritz)
    SkyPortalPost.objects.update(state=PostState.WITHDRAWING, wanted=False)
    SkyPortalPost.objects.filter(kind="prediction").delete()
    Spectrum.objects.update(rejected=True)
    deliver()
    post = SkyPortalPost.objects.get()
    assert post.state == PostState.WITHDRAWING
    assert "it may still be there" in post.last_error
    fritz.tokens = {TOKEN: {PUBLIC, EARLIER}}
    deliver()
    post.refresh_from_db()
    assert (post.state, fritz.annotations) == (PostState.WITHDRAWN, {})


def test_numbers_under_an_earlier_name_of_the_group_are_withdrawn(fritz: FakeSkyPortal) -> None:
    """The token has left one of the two groups that they were posted to, but still sees them through the other."""
    synced(fritz, "ZTF1", predictions="always", share_with=[PUBLIC, EARLIER])
    deliver()
    for row in fritz.annotations.values():
        row["origin"] = "an earlier name"
    leave_earlier_group(fritz)
    SkyPortalPost.objects.filter(kind="prediction").delete()
    Spectrum.objects.update(rejected=True)
    deliver()
    post = SkyPortalPost.objects.get()
    assert (post.state, post.last_error, fritz.annotations) == (PostState.WITHDRAWN, "", {})


def test_connections_of_two_groups_annotate_the_same_spectrum_each_for_itself(fritz: FakeSkyPortal) -> None:
    fritz.tokens["other token"] = {PUBLIC}
    fritz.add_spectrum("ZTF1")
    for token, group in ((TOKEN, "TDEs"), ("other token", "SNe")):
        owner = Group.objects.create(name=group)
        instance = SkyPortalInstance(name=group, url=fritz.url, group=owner, predictions="always", share_with=[PUBLIC])
        instance.token = token
        instance.save()
        run(instance)
    worker.process_backlog()
    deliver()
    assert {row["origin"] for row in fritz.annotations.values()} == {"spectrum-triage, TDEs", "spectrum-triage, SNe"}
    Spectrum.objects.filter(group__name="SNe").update(rejected=True)
    deliver()
    assert {row["origin"] for row in fritz.annotations.values()} == {"spectrum-triage, TDEs"}


def test_an_annotation_that_another_account_made_is_named_as_the_reason(fritz: FakeSkyPortal) -> None:
    synced(fritz, "ZTF1", predictions="always")
    (number,) = fritz.spectra
    fritz.annotations[99] = {"id": 99, "spectrum_id": number, "author": "token x", "origin": "spectrum-triage"}
    deliver()
    post = SkyPortalPost.objects.get(kind="annotation")
    assert post.state == PostState.GIVEN_UP
    assert "another account has annotated this spectrum" in post.last_error
