"""Managers of a group keep its members, and members may leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.api_client import API, client_of
from tests.factories import classify_all, send
from triage.accounts import groups
from triage.accounts.audiences import default_audience, own_group
from triage.errors import NotFoundError, NotYoursError
from triage.models import GroupSettings, Transient

pytestmark = pytest.mark.django_db


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def change(user: User, group: Group, member: User, action: str) -> Any:
    return browser_of(user).post(reverse("change-member", args=[group.pk, member.pk, action]), follow=True)


def acts() -> list[tuple[str, str]]:
    return list(LogEntry.objects.order_by("id").values_list("user__username", "change_message"))


def test_a_member_may_leave_and_sees_the_private_spectra_no_more(member: User, group: Group) -> None:
    spectrum = send(member, "secret", group=group)
    classify_all()
    api, browser = client_of(member), browser_of(member)
    seen = [f"{API}/spectra/{spectrum.pk}/", f"{API}/transients/secret/"]
    pages = [reverse("review", args=["secret"]), reverse("receipt", args=[spectrum.pk])]
    assert {api.get(path).status_code for path in seen} == {browser.get(path).status_code for path in pages} == {200}
    left = browser.post(reverse("leave-group", args=[group.pk]), follow=True).content.decode()
    assert "You left ZTF" in left
    assert {api.get(path).status_code for path in seen} == {browser.get(path).status_code for path in pages} == {404}
    assert "secret" not in browser.get(reverse("queue")).content.decode()
    assert not Transient.objects.visible_to(member).exists()
    assert acts() == [("member", "left the group")]


def test_a_user_cannot_leave_a_group_of_others_nor_the_group_that_stands_for_the_user_alone(
    reviewer: User, group: Group
) -> None:
    for other in (group, own_group(reviewer)):
        assert browser_of(reviewer).post(reverse("leave-group", args=[other.pk])).status_code == 404
    assert reviewer.groups.get() == own_group(reviewer)


def test_a_manager_removes_a_member(manager: User, member: User, group: Group) -> None:
    page = change(manager, group, member, "remove").content.decode()
    assert "member was removed" in page
    assert not member.groups.exists()
    assert acts() == [("manager", "removed member from the group")]


def test_a_manager_makes_another_one_who_then_manages_the_group(manager: User, member: User, group: Group) -> None:
    page = reverse("group", args=[group.pk])
    assert browser_of(member).get(page).status_code == 404
    change(manager, group, member, "appoint")
    assert browser_of(member).get(page).status_code == 200
    change(member, group, manager, "dismiss")
    assert browser_of(manager).get(page).status_code == 404
    assert acts() == [("manager", "made member a manager"), ("member", "made manager a member who manages nothing")]


def test_nobody_but_managers_and_staff_may_change_members(
    manager: User, member: User, group: Group, make_user: Callable[..., User]
) -> None:
    stranger = make_user("stranger", "others")
    for user in (member, stranger):
        for action in ("remove", "appoint", "dismiss"):
            assert change(user, group, manager, action).status_code == 404
    assert groups.managers(group) == [manager]
    User.objects.filter(pk=stranger.pk).update(is_staff=True)
    assert change(stranger, group, member, "appoint").status_code == 200
    assert groups.managers(group) == [manager, member]


def test_a_manager_who_is_taken_out_of_the_group_in_the_admin_manages_it_no_more(manager: User, group: Group) -> None:
    manager.groups.clear()
    assert GroupSettings.objects.get().managers.get() == manager
    with pytest.raises(NotFoundError):
        groups.managed_group(manager, group.pk)


def test_a_manager_who_leaves_and_comes_back_is_a_plain_member(manager: User, group: Group) -> None:
    groups.leave(manager, group.pk)
    manager.groups.add(group)
    assert groups.managers(group) == []


def test_an_unknown_act_or_member_changes_nothing(manager: User, member: User, reviewer: User, group: Group) -> None:
    assert change(manager, group, member, "promote").status_code == 404
    assert "The group has no such member" in change(manager, group, reviewer, "remove").content.decode()
    assert acts() == []


def test_the_account_page_lists_groups_and_who_manages_them(manager: User, member: User, group: Group) -> None:
    page = browser_of(member).get(reverse("account")).content.decode()
    assert "Managed by manager." in page
    assert "Members and invitations" not in page
    assert "Members and invitations" in browser_of(manager).get(reverse("account")).content.decode()


def test_staff_reach_every_group_but_those_that_stand_for_one_user(group: Group, reviewer: User) -> None:
    User.objects.filter(pk=reviewer.pk).update(is_staff=True)
    alone = own_group(reviewer)
    page = browser_of(reviewer).get(reverse("groups")).content.decode()
    assert reverse("group", args=[group.pk]) in page
    assert "<td>manager</td>" in page
    assert alone.name not in page
    assert browser_of(reviewer).get(reverse("group", args=[alone.pk])).status_code == 404


@pytest.fixture
def staff(reviewer: User) -> User:
    User.objects.filter(pk=reviewer.pk).update(is_staff=True)
    reviewer.refresh_from_db()
    return reviewer


def test_staff_make_a_group_whose_managers_are_members_from_the_start(staff: User, manager: User, member: User) -> None:
    sent = {"name": " TiDES  early science ", "managers": "manager, member"}
    page = browser_of(staff).post(reverse("groups"), sent, follow=True).content.decode()
    made = Group.objects.get(name="TiDES early science")
    assert "TiDES early science was made." in page
    assert groups.managers(made) == list(made.user_set.order_by("username")) == [manager, member]
    assert browser_of(member).get(reverse("group", args=[made.pk])).status_code == 200
    assert acts() == [("reviewer", "made the group, managed by manager, member")]


@pytest.mark.parametrize(
    ("name", "managers", "words"),
    [
        ("ztf", "", "There is a group “ztf” already."),
        ("Everybody", "", "A group cannot be called “Everybody”."),
        ("only me (ann)", "", "A group cannot be called “only me (ann)”."),
        ("", "", "This field is required."),
        ("TiDES", "nobody", "No user is called nobody."),
    ],
)
def test_a_group_that_cannot_be_made_says_why(staff: User, group: Group, name: str, managers: str, words: str) -> None:
    answer = browser_of(staff).post(reverse("groups"), {"name": name, "managers": managers})
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert list(groups.shared()) == [group]


def test_nobody_but_staff_makes_groups(manager: User) -> None:
    with pytest.raises(NotYoursError):
        groups.create(manager, "TiDES", [])


def test_a_manager_decides_whether_uploads_are_private_by_default(manager: User, member: User, group: Group) -> None:
    address = reverse("change-group-settings", args=[group.pk])
    assert browser_of(member).post(address, {"private_by_default": "on"}).status_code == 404
    page = browser_of(manager).post(address, {"private_by_default": "on"}, follow=True).content.decode()
    assert "The settings of ZTF were changed." in page
    assert default_audience(member) == group
    browser_of(manager).post(address, {"own_library": "on"})
    assert default_audience(member) is None
    assert GroupSettings.objects.get().own_library
    assert acts()[0] == ("manager", "changed the settings: private by default on, own library off")
