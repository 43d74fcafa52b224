"""Who sees an upload: everybody, a group, or the sender alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.api_client import API, client_of, upload
from tests.factories import spectrum_file
from triage.accounts.audiences import own_group
from triage.models import GroupSettings, SavedView, Spectrum

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(make_user: Callable[..., User]) -> User:
    return make_user("member", "A", "B")


def private_by_default(user: User, name: str) -> None:
    GroupSettings.objects.create(group=user.groups.get(name=name), private_by_default=True)


@pytest.mark.parametrize(
    ("sent", "group"), [({}, None), ({"group": "everybody"}, None), ({"group": ""}, None), ({"group": "B"}, "B")]
)
def test_everybody_sees_an_upload_unless_a_group_is_named(
    member: User, sent: dict[str, Any], group: str | None
) -> None:
    found = upload(client_of(member), **sent).json()
    assert client_of(member).get(f"{API}/spectra/{found['id']}/").json()["group"] == group


@pytest.mark.parametrize(("sent", "group"), [({}, "B"), ({"group": "everybody"}, None), ({"group": "A"}, "A")])
def test_a_group_that_is_private_by_default_keeps_what_its_members_send(
    member: User, sent: dict[str, Any], group: str | None
) -> None:
    private_by_default(member, "B")
    found = upload(client_of(member), **sent).json()
    assert client_of(member).get(f"{API}/spectra/{found['id']}/").json()["group"] == group


def test_only_me_hides_an_upload_from_everybody_else(member: User, make_user: Callable[..., User]) -> None:
    found = upload(client_of(member), group="only me").json()
    other = make_user("other", "A", "B")
    assert client_of(member).get(f"{API}/spectra/{found['id']}/").status_code == 200
    assert client_of(other).get(f"{API}/spectra/{found['id']}/").status_code == 404
    assert upload(client_of(other), group="only me (member)").status_code == 400


def test_a_user_has_one_own_group_whatever_other_groups_are_called(
    member: User, make_user: Callable[..., User]
) -> None:
    make_user("other", "only me (member)")
    assert own_group(member) == own_group(member)
    assert list(own_group(member).user_set.all()) == [member]


def test_the_upload_page_shows_the_audience_openly_and_chooses_the_group_s_default(
    member: User, client: Client
) -> None:
    private_by_default(member, "B")
    own_group(member)
    client.force_login(member)
    page = client.get("/upload/").content.decode()
    assert page.index("Visible to") < page.index("Facts about these files")
    assert '<option value="B" selected>B</option>' in page
    assert "only me (member)" not in page
    client.post("/upload/", {"spectra": [SimpleUploadedFile("a.txt", spectrum_file())], "group": "only me"})
    assert Spectrum.objects.get().group == own_group(member)


def test_a_spectrum_for_its_sender_alone_is_called_so_on_its_page_and_in_its_form(member: User, client: Client) -> None:
    found = upload(client_of(member), group="only me").json()
    client.force_login(member)
    page = client.get(f"/spectra/{found['id']}/").content.decode()
    assert "visible to only me (member)" in page
    assert '<option value="only me" selected>only me</option>' in page
    assert '<option value="only me (member)"' not in page
    sent = {"initial-group": "only me", "group": "everybody"}
    client.post(f"/spectra/{found['id']}/facts/", sent)
    assert Spectrum.objects.get().group is None


def test_groups_with_the_earlier_name_are_renamed_and_others_keep_theirs(
    member: User, make_user: Callable[..., User]
) -> None:
    rename = import_module("triage.migrations.0206_only_me").rename
    Group.objects.create(name="only me (taken)")
    given = {member: "member alone 2", make_user("other"): "mine", make_user("taken"): "taken alone"}
    SavedView.objects.create(user=member, name="mine", query="?name=alone&group=member+alone+2")
    for user, name in given.items():
        group = own_group(user)
        group.name = name
        group.save()
    rename(apps, None)
    assert [own_group(user).name for user in given] == ["only me (member)", "mine", "taken alone"]
    assert SavedView.objects.get().query == "?name=alone&group=only+me+%28member%29"
