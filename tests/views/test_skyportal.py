"""The SkyPortal pages: who sees them and who may change what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import spectrum_file
from tests.fakes.skyportal import PRIVATE, PUBLIC, TOKEN, FakeSkyPortal
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Policy, PostState, SkyPortalInstance, SkyPortalPost, SkyPortalRun, Transient
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services.skyportal import sync
from triage.services.skyportal.client import Client as SkyPortalClient
from triage.services.skyportal.forms import NamesField
from triage.services.skyportal.standing import derive

pytestmark = pytest.mark.django_db

SENT = {
    "name": "Fritz",
    "url": "https://fritz.science/",
    "token": TOKEN,
    "enabled": "on",
    "interval_minutes": "10",
    "reconcile_hours": "24",
    "decisions": "never",
    "predictions": "never",
    "taxonomy": "Sitewide Taxonomy",
}


@pytest.fixture
def staff(make_user: Callable[..., User]) -> User:
    user = make_user("staff", "a")
    user.is_staff = True
    user.save()
    return user


def add(url: str, name: str = "Fritz", **fields: Any) -> SkyPortalInstance:
    instance = SkyPortalInstance(name=name, url=url, **fields)
    instance.token = TOKEN
    instance.save()
    return instance


def test_staff_can_add_a_connection_whose_token_is_shown_nowhere(staff: User, client: Client) -> None:
    client.force_login(staff)
    assert b"No SkyPortal is connected" in client.get(reverse("skyportal")).content
    assert client.post(reverse("add-skyportal"), SENT).status_code == 302
    instance = SkyPortalInstance.objects.get()
    assert (instance.url, instance.token) == ("https://fritz.science", TOKEN)
    for address in (reverse("skyportal"), reverse("edit-skyportal", args=[instance.pk])):
        assert TOKEN.encode() not in client.get(address).content


def test_other_users_cannot_add_or_edit_a_connection(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    assert client.get(reverse("add-skyportal")).status_code == 403
    assert client.post(reverse("edit-skyportal", args=[add("https://x.org").pk]), SENT).status_code == 403


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"url": "ftp://fritz.science"}, "begin with https"),
        ({"url": "https://user:secret@fritz.science"}, "must not contain a password"),
        ({"token": ""}, "needs its own"),
        ({"decisions": "always"}, "groups that may see"),
        ({"interval_minutes": "0"}, "greater than or equal"),
    ],
)
def test_an_invalid_connection_is_refused(staff: User, client: Client, changes: dict[str, str], complaint: str) -> None:
    client.force_login(staff)
    answer = client.post(reverse("add-skyportal"), {**SENT, **changes})
    assert answer.status_code == 200
    assert complaint.encode() in answer.content
    assert not SkyPortalInstance.objects.exists()


def test_groups_and_instruments_are_chosen_and_shown_by_name(fritz: FakeSkyPortal, staff: User, client: Client) -> None:
    client.force_login(staff)
    fritz.tokens[TOKEN] = {PUBLIC, PRIVATE}
    sent = {**SENT, "url": fritz.url, "remote_groups": f"Group {PRIVATE}, {PUBLIC}", "instruments": "sedm"}
    assert client.post(reverse("add-skyportal"), sent).status_code == 302
    instance = SkyPortalInstance.objects.get()
    assert (instance.remote_groups, instance.instruments) == ([PRIVATE, PUBLIC], [7])
    page = client.get(reverse("edit-skyportal", args=[instance.pk])).content.decode()
    assert f'value="group {PRIVATE}, group {PUBLIC}"' in page
    assert 'value="SEDM"' in page
    assert "SEDM, DBSP" in page


def test_an_unknown_name_is_refused_with_the_names_that_there_are(
    fritz: FakeSkyPortal, staff: User, client: Client
) -> None:
    client.force_login(staff)
    sent = {**SENT, "url": fritz.url, "instruments": "SEDM, SPRAT"}
    page = client.post(reverse("add-skyportal"), sent).content.decode()
    assert "The server has no “SPRAT” that the token sees. It has: DBSP, SEDM." in page
    assert 'value="SEDM, SPRAT"' in page
    assert not SkyPortalInstance.objects.exists()


@pytest.mark.parametrize("known", [{7: "42"}, {7: "TDE", 9: "tde"}, {7: "A, B"}, {7: " A"}, {}])
def test_an_id_is_shown_where_its_name_would_be_read_as_another(known: dict[int, str]) -> None:
    field = NamesField()
    field.known = {**known, 3: "Straße"}
    shown = field.prepare_value([7, 3])
    assert shown == "7, Straße"
    assert field.clean(shown) == [7, 3]


def test_a_name_that_several_groups_have_is_refused(
    fritz: FakeSkyPortal, staff: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SkyPortalClient, "groups", lambda client: {7: "TDE", 9: "tde", 11: "SN"})
    client.force_login(staff)
    sent = {**SENT, "url": fritz.url, "remote_groups": "SN, tde"}
    page = client.post(reverse("add-skyportal"), sent).content.decode()
    assert "Several at the server are called “tde”. Enter one of the ids: 7, 9." in page
    assert not SkyPortalInstance.objects.exists()
    client.post(reverse("add-skyportal"), {**sent, "remote_groups": "SN, 9"})
    assert SkyPortalInstance.objects.get().remote_groups == [11, 9]


def test_names_that_are_saved_again_cause_no_full_comparison(fritz: FakeSkyPortal, staff: User, client: Client) -> None:
    client.force_login(staff)
    sent = {**SENT, "url": fritz.url, "remote_groups": str(PUBLIC)}
    client.post(reverse("add-skyportal"), sent)
    instance = SkyPortalInstance.objects.get()
    sync.sync(instance)
    client.post(reverse("edit-skyportal", args=[instance.pk]), {**sent, "remote_groups": f"group {PUBLIC}"})
    instance.refresh_from_db()
    assert (instance.remote_groups, instance.reconcile_due) == ([PUBLIC], False)


def test_without_an_answer_of_the_server_ids_are_kept_and_names_refused(
    fritz: FakeSkyPortal, staff: User, client: Client
) -> None:
    client.force_login(staff)
    sent = {**SENT, "url": fritz.url, "token": "another token"}
    refused = client.post(reverse("add-skyportal"), {**sent, "remote_groups": "ePESSTO"}).content.decode()
    assert "names cannot be looked up. Enter ids instead." in refused
    assert client.post(reverse("add-skyportal"), {**sent, "remote_groups": "4, 17"}).status_code == 302
    assert SkyPortalInstance.objects.get().remote_groups == [4, 17]


def test_a_stored_token_is_not_sent_to_another_address(staff: User, client: Client) -> None:
    client.force_login(staff)
    address = reverse("edit-skyportal", args=[add("https://fritz.science").pk])
    assert client.post(address, {**SENT, "token": "", "name": "Other"}).status_code == 302
    assert SkyPortalInstance.objects.get().token == TOKEN
    answer = client.post(address, {**SENT, "token": "", "url": "https://evil.example"})
    assert b"needs its own" in answer.content


def test_editing_a_connection_cannot_give_its_spectra_to_another_group(
    fritz: FakeSkyPortal, staff: User, client: Client
) -> None:
    fritz.add_spectrum("ZTF1")
    instance = add(fritz.url)
    sync.sync(instance)
    client.force_login(staff)
    sent = {**SENT, "url": fritz.url, "group": str(Group.objects.get(name="a").pk)}
    assert (
        b"add the server as a second connection"
        in client.post(reverse("edit-skyportal", args=[instance.pk]), sent).content
    )
    instance.refresh_from_db()
    assert instance.group is None


def test_posting_begins_when_it_is_chosen_for_each_kind(fritz: FakeSkyPortal, staff: User, client: Client) -> None:
    client.force_login(staff)
    sent = {**SENT, "url": fritz.url}
    client.post(reverse("add-skyportal"), sent)
    instance = SkyPortalInstance.objects.get()
    first = instance.posting_since
    edit = reverse("edit-skyportal", args=[instance.pk])
    client.post(edit, {**sent, "decisions": "ask", "share_with": "1"})
    instance.refresh_from_db()
    assert instance.decisions == Policy.ASK
    assert first is not None
    assert instance.posting_since is not None
    second = instance.posting_since
    assert second > first
    client.post(edit, {**sent, "decisions": "always", "predictions": "always", "share_with": "1"})
    instance.refresh_from_db()
    assert instance.posting_since == second
    assert instance.predictions_since is not None
    assert instance.predictions_since > second


@pytest.mark.parametrize(
    ("field", "has"), [("share_with", "group 1"), ("remote_groups", "group 1"), ("instruments", "DBSP, SEDM")]
)
def test_an_id_that_the_token_does_not_see_is_refused_at_once(
    fritz: FakeSkyPortal, staff: User, client: Client, field: str, has: str
) -> None:
    client.force_login(staff)
    sent = {**SENT, "url": fritz.url, "token": TOKEN, "decisions": "always", "share_with": "1"}
    page = client.post(reverse("add-skyportal"), {**sent, field: "42"}).content.decode()
    assert f"The server has no “42” that the token sees. It has: {has}." in page
    assert not SkyPortalInstance.objects.exists()
    assert client.post(reverse("add-skyportal"), sent).status_code == 302


def test_a_connection_whose_group_the_token_has_left_can_be_switched_off(
    fritz: FakeSkyPortal, staff: User, client: Client
) -> None:
    instance = add(fritz.url, remote_groups=[42])
    client.force_login(staff)
    asked = len(fritz.requests)
    sent = {**SENT, "url": fritz.url, "token": "", "remote_groups": "42"}
    client.post(reverse("edit-skyportal", args=[instance.pk]), sent)
    instance.refresh_from_db()
    assert instance.enabled
    assert len(fritz.requests) == asked + 1
    del sent["enabled"]
    assert client.post(reverse("edit-skyportal", args=[instance.pk]), sent).status_code == 302
    instance.refresh_from_db()
    assert (instance.enabled, instance.remote_groups) == (False, [42])
    assert len(fritz.requests) == asked + 1


def test_the_page_shows_runs_and_why_spectra_were_skipped(fritz: FakeSkyPortal, reviewer: User, client: Client) -> None:
    fritz.add_spectrum("ZTF26good")
    fritz.add_spectrum("ZTF26host", type="host")
    sync.sync(add(fritz.url))
    client.force_login(reviewer)
    shown = client.get(reverse("skyportal")).content.decode()
    assert '<span title="type_host">type host</span>' in shown
    assert "everything" in shown
    assert "<html" not in client.get(reverse("skyportal"), headers={"X-Fragment": "1"}).content.decode()
    SkyPortalRun.objects.update(state="running", finished_at=None, total=8)
    assert '<progress max="8" value="2"' in client.get(reverse("skyportal")).content.decode()


def test_the_button_makes_a_run_due_and_the_worker_runs_it(
    fritz: FakeSkyPortal, reviewer: User, client: Client
) -> None:
    instance = add(fritz.url)
    sync.sync(instance)
    assert not sync.due().exists()
    client.force_login(reviewer)
    client.post(reverse("sync-skyportal", args=[instance.pk]), {"full": "1"})
    assert sync.due().get() == instance
    sync.sync_due(10)
    assert SkyPortalRun.objects.filter(full=True).count() == 2


def test_a_groups_connection_is_visible_to_the_group_only(
    fritz: FakeSkyPortal, staff: User, reviewer: User, client: Client
) -> None:
    instance = add(fritz.url, "Secret", group=Group.objects.get(name="a"))
    sync.sync(instance)
    client.force_login(staff)
    assert b"Secret" in client.get(reverse("skyportal")).content
    reviewer.is_staff = True
    reviewer.save()
    client.force_login(reviewer)
    assert b"Secret" not in client.get(reverse("skyportal")).content
    assert client.get(reverse("edit-skyportal", args=[instance.pk])).status_code == 404
    answer = client.post(reverse("sync-skyportal", args=[instance.pk]), follow=True)
    assert b"no SkyPortal connection" in answer.content


def test_the_outbox_shows_posts_that_wait_for_approval_and_takes_the_answer(
    fritz: FakeSkyPortal, reviewer: User, client: Client
) -> None:
    for i in range(3):
        fritz.add_spectrum(f"ZTF{i}")
    instance = add(fritz.url, decisions="ask", share_with=[PUBLIC])
    sync.sync(instance)
    worker.process_backlog()
    for transient in Transient.objects.all():
        record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
    derive(instance)
    client.force_login(reviewer)
    assert b"3 need your answer" in client.get(reverse("skyportal")).content
    assert client.get(reverse("skyportal-outbox")).content.count(b"Post it") == 3
    post = SkyPortalPost.objects.first()
    assert post is not None
    client.post(reverse("answer-post", args=[post.pk, "approve"]))
    post.refresh_from_db()
    assert (post.state, post.answered_by) == (PostState.WAITING, reviewer)
    answer = client.post(reverse("answer-post", args=[post.pk, "nonsense"]), follow=True)
    assert b"approve, refuse, replay" in answer.content
    assert client.get(reverse("skyportal-outbox"), {"state": "asking"}).content.count(b"Post it") == 2


def test_the_lists_take_a_fixed_number_of_queries(fritz: FakeSkyPortal, reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    instance = add(fritz.url, decisions="ask", share_with=[PUBLIC])

    def cost() -> list[int]:
        counts = []
        for page in ("skyportal", "skyportal-outbox"):
            with CaptureQueriesContext(connection) as captured:
                client.get(reverse(page))
            counts.append(len(captured))
        return counts

    def grow(number: int) -> None:
        fritz.add_spectrum(f"ZTF{number}")
        instance.refresh_from_db()
        sync.sync(instance)
        worker.process_backlog()
        transient = Transient.objects.get(name=f"ZTF{number}")
        record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
        derive(instance)

    grow(0)
    first = cost()
    for number in range(1, 5):
        grow(number)
    assert cost() == first


def test_the_page_of_a_transient_shows_remote_classifications_to_permitted_users(
    fritz: FakeSkyPortal, staff: User, reviewer: User, client: Client
) -> None:
    fritz.add_spectrum("ZTF1")
    fritz.classify("ZTF1", "Tidal Disruption Event", author_name="<b>somebody</b>")
    sync.sync(add(fritz.url, group=Group.objects.get(name="a"), only_unclassified=False))
    submit_spectrum(reviewer, spectrum_file(), "public.txt", Given(transient="ZTF1"))
    client.force_login(staff)
    shown = client.get(reverse("review", args=["ZTF1"])).content.decode()
    assert "Tidal Disruption Event" in shown
    assert "&lt;b&gt;somebody" in shown
    client.force_login(reviewer)
    assert "Elsewhere" not in client.get(reverse("review", args=["ZTF1"])).content.decode()
