"""Groups from a claim, and who gets an account by single sign-on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.accounts.provider_logins import configure, log_in
from tests.accounts.test_groups import acts
from tests.fakes.oidc import FakeOidc
from triage.accounts import groups, invitations
from triage.accounts.audiences import own_group
from triage.models import ClaimedMembership, GroupInvitation

pytestmark = pytest.mark.django_db


def in_groups(user: User, provider: FakeOidc, listed: object) -> list[str]:
    """Log in while the provider lists these groups, and return the user's groups."""
    assert provider.person is not None
    provider.person["groups"] = listed
    log_in(Client())
    return sorted(user.groups.values_list("name", flat=True))


def test_without_open_sign_up_a_new_person_needs_an_invitation_or_a_group(
    provider: FakeOidc, settings: Settings, manager: User, group: Group
) -> None:
    configure(settings, sign_up=False)
    browser = Client()
    assert "Ask for an invitation" in log_in(browser).content.decode()
    assert User.objects.filter(username="ada").count() == 0
    week = timezone.now() + timedelta(days=7)
    invitation = GroupInvitation.objects.create(group=group, made_by=manager, expires_at=week)
    link = reverse("invitation", args=[invitations.token_of(invitation)])
    log_in(browser, f"?next={link}")
    assert User.objects.get(username="ada").groups.get() == group
    assert provider.person is not None
    provider.person = {"sub": "0000-0002", "groups": ["ZTF"], "preferred_username": "eve"}
    log_in(Client())
    assert User.objects.get(username="eve").groups.get() == group


def test_an_invitation_lets_one_new_person_in_who_is_a_member_then(
    provider: FakeOidc, settings: Settings, group: Group, manager: User
) -> None:
    configure(settings, sign_up=False)
    week = timezone.now() + timedelta(days=7)
    invitation = GroupInvitation.objects.create(group=group, made_by=manager, expires_at=week)
    link = reverse("invitation", args=[invitations.token_of(invitation)])
    assert "You are a member of ZTF now" in log_in(Client(), f"?next={link}").content.decode()
    invitation.refresh_from_db()
    assert invitation.accepted_by is not None
    assert list(invitation.accepted_by.groups.all()) == [group]
    assert provider.person is not None
    provider.person |= {"sub": "somebody else", "preferred_username": "second"}
    assert "Ask for an invitation" in log_in(Client(), f"?next={link}").content.decode()
    assert not User.objects.filter(username="second").exists()


def test_an_invitation_for_another_user_opens_no_sign_up(
    provider: FakeOidc, settings: Settings, manager: User, reviewer: User, group: Group
) -> None:
    configure(settings, sign_up=False)
    week = timezone.now() + timedelta(days=7)
    invitation = GroupInvitation.objects.create(group=group, made_by=manager, user=reviewer, expires_at=week)
    link = reverse("invitation", args=[invitations.token_of(invitation)])
    assert "Ask for an invitation" in log_in(Client(), f"?next={link}").content.decode()


def test_memberships_follow_the_claim_and_those_given_by_hand_stay(
    provider: FakeOidc, make_user: Callable[..., User]
) -> None:
    for name in ("ZTF", "YSE", "by hand"):
        Group.objects.create(name=name)
    log_in(Client())
    user = User.objects.get()
    user.groups.add(Group.objects.get(name="by hand"))
    assert in_groups(user, provider, ["ZTF", "by hand", "unknown"]) == ["ZTF", "by hand"]
    assert in_groups(user, provider, ["YSE"]) == ["YSE", "by hand"]
    assert in_groups(user, provider, "ZTF") == ["ZTF", "by hand"]
    assert in_groups(user, provider, [1, None, {}, "a\0"]) == ["by hand"]
    assert not Group.objects.filter(name="unknown").exists()
    assert not ClaimedMembership.objects.exists()
    assert [act for _, act in acts() if "group" in act] == [
        "joined the group: ORCID lists it",
        "left the group: ORCID no longer lists it",
        "joined the group: ORCID lists it",
        "left the group: ORCID no longer lists it",
        "joined the group: ORCID lists it",
        "left the group: ORCID no longer lists it",
    ]


def test_a_claim_that_is_missing_lists_nothing(provider: FakeOidc, group: Group) -> None:
    log_in(Client())
    user = User.objects.get(username="ada")
    assert in_groups(user, provider, ["ZTF"]) == ["ZTF"]
    assert provider.person is not None
    del provider.person["groups"]
    log_in(Client())
    assert not user.groups.exists()


def test_a_mapping_says_which_groups_belong_together_and_no_other_counts(
    provider: FakeOidc, settings: Settings, group: Group
) -> None:
    Group.objects.create(name="YSE")
    configure(settings, groups={"/surveys/ztf": "ZTF", "/surveys/gone": "gone"})
    log_in(Client())
    user = User.objects.get(username="ada")
    assert in_groups(user, provider, ["/surveys/ztf", "/surveys/gone", "YSE"]) == ["ZTF"]


def test_a_claim_cannot_list_the_group_that_stands_for_one_user(provider: FakeOidc, reviewer: User) -> None:
    name = own_group(reviewer).name
    log_in(Client())
    assert in_groups(User.objects.get(username="ada"), provider, [name]) == []


def test_a_membership_of_the_claim_that_a_manager_ends_comes_back_with_the_claim(
    provider: FakeOidc, manager: User, group: Group
) -> None:
    log_in(Client())
    user = User.objects.get(username="ada")
    assert in_groups(user, provider, ["ZTF"]) == ["ZTF"]
    groups.remove(manager, group.pk, user.pk)
    assert not ClaimedMembership.objects.exists()
    assert in_groups(user, provider, ["ZTF"]) == ["ZTF"]


def test_the_account_page_says_which_membership_is_the_claim_s(provider: FakeOidc, group: Group) -> None:
    assert provider.person is not None
    provider.person["groups"] = ["ZTF"]
    browser = Client()
    log_in(browser)
    assert "ORCID lists this group for you." in browser.get(reverse("account")).content.decode()
