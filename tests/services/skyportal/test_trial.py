"""A connection is tested before it is saved: what worked or what failed is said in one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.fakes.server import HTML, AnswerError
from tests.fakes.skyportal import PRIVATE, PUBLIC, TOKEN, FakeSkyPortal
from triage.models import SkyPortalInstance
from triage.services.skyportal.trial import Trial, try_connection


def tried(fritz: FakeSkyPortal, token: str = TOKEN, *, posting: bool = False) -> tuple[bool, str]:
    found: Trial = try_connection(fritz.url, token, posting=posting)
    return found.works, found.said.replace(fritz.url.removeprefix("http://"), "HOST")


def test_groups_and_permissions_of_the_token_are_named_and_nothing_is_written(fritz: FakeSkyPortal) -> None:
    fritz.tokens[TOKEN] = {PUBLIC, PRIVATE}
    assert tried(fritz, posting=True) == (
        True,
        "HOST was reached and accepts the token, which sees 2 groups (group 1, group 2) and may read and post.",
    )
    assert {method for method, _ in fritz.requests} == {"GET"}


def test_a_token_that_may_only_read_is_enough_unless_something_is_to_be_posted(fritz: FakeSkyPortal) -> None:
    fritz.may_write = False
    said = (
        "HOST was reached and accepts the token, which sees 1 group (group 1); "
        "it may only read: posting needs the permission Classify and Annotate."
    )
    assert tried(fritz) == (True, said)
    assert tried(fritz, posting=True) == (False, said)


def test_what_failed_is_said(fritz: FakeSkyPortal) -> None:
    assert tried(fritz, "another") == (False, "HOST was reached, but does not accept the token.")
    fritz.tokens[TOKEN] = set()
    assert tried(fritz) == (False, "HOST accepts the token, but it is in no group, so it can read nothing.")
    nobody = try_connection("http://127.0.0.1:9", TOKEN, posting=False)
    assert not nobody.works
    assert nobody.said.startswith("127.0.0.1:9 gives no usable answer: GET /api/groups failed: ")


def test_a_server_without_the_list_of_permissions_is_no_failure(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = fritz.answer

    def older(request: object) -> object:
        if "profile" in request.path:  # type: ignore[attr-defined]
            raise AnswerError(404, HTML)
        return answer(request)  # type: ignore[arg-type]

    monkeypatch.setattr(fritz, "answer", older)
    works, said = tried(fritz, posting=True)
    assert works
    assert said.endswith("and may read; the server does not say whether it may post.")


@pytest.fixture
def staff_client(make_user: Callable[..., User], client: Client) -> Client:
    staff = make_user("staff")
    staff.is_staff = True
    staff.save()
    client.force_login(staff)
    return client


@pytest.mark.django_db
def test_the_form_tests_a_new_connection_without_saving_it(fritz: FakeSkyPortal, staff_client: Client) -> None:
    address = reverse("add-skyportal")
    sent = {"url": fritz.url, "token": TOKEN, "test": "1"}
    fragment = staff_client.post(address, sent, headers={"X-Fragment": "1"}).content.decode()
    assert fragment.startswith('<p class="message success">')
    assert "sees 1 group (group 1) and may read and post." in fragment
    page = staff_client.post(address, sent).content.decode()
    assert "may read and post." in page
    assert TOKEN not in page
    fragment = staff_client.post(address, {**sent, "token": "tøken"}, headers={"X-Fragment": "1"}).content.decode()
    assert "copy it from the server again" in fragment
    assert not SkyPortalInstance.objects.exists()


@pytest.mark.django_db
def test_a_test_asks_for_the_groups_once_although_the_form_names_some(
    fritz: FakeSkyPortal, staff_client: Client
) -> None:
    sent = {
        "name": "Fritz",
        "url": fritz.url,
        "token": TOKEN,
        "interval_minutes": "5",
        "reconcile_hours": "24",
        "decisions": "always",
        "predictions": "never",
        "share_with": "group 1",
        "taxonomy": "Sitewide Taxonomy",
        "test": "1",
    }
    page = staff_client.post(reverse("add-skyportal"), sent).content.decode()
    assert "may read and post." in page
    assert fritz.count("GET", "/api/groups") == 1


@pytest.mark.django_db
def test_a_saved_connection_is_tested_with_its_own_token_at_its_own_address_only(
    fritz: FakeSkyPortal, staff_client: Client
) -> None:
    instance = SkyPortalInstance(name="Fritz", url=fritz.url)
    instance.token = TOKEN
    instance.save()
    address = reverse("edit-skyportal", args=[instance.pk])
    fragment = staff_client.post(address, {"url": fritz.url, "test": "1"}, headers={"X-Fragment": "1"}).content.decode()
    assert "accepts the token" in fragment
    fritz.requests.clear()
    other = fritz.url.replace("127.0.0.1", "localhost")
    fragment = staff_client.post(address, {"url": other, "test": "1"}, headers={"X-Fragment": "1"}).content.decode()
    assert "a new address needs its own" in fragment
    assert fritz.requests == []
