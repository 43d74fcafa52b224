"""Invitations to groups: who may make them, how they are answered, and that each is good once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.accounts.test_groups import browser_of
from triage.accounts import groups, invitations
from triage.errors import InvalidActionError
from triage.models import AccountMail, GroupInvitation
from triage.services import account_mail

pytestmark = pytest.mark.django_db

SIGN_UP = {
    "username": "newcomer",
    "email": "new@example.org",
    "password1": "four odd words",
    "password2": "four odd words",
}


def invite(user: User, group: Group, whom: str = "", days: int = 7) -> Any:
    return browser_of(user).post(reverse("group", args=[group.pk]), {"whom": whom, "days": days}, follow=True)


def link_of(invitation: GroupInvitation) -> str:
    return reverse("invitation", args=[invitations.token_of(invitation)])


def made(user: User, group: Group, whom: str = "") -> str:
    """Make an invitation and return its link."""
    assert invite(user, group, whom).status_code == 200
    return link_of(GroupInvitation.objects.latest("pk"))


def test_a_user_who_is_invited_by_name_finds_it_in_the_inbox_and_on_the_account_page_and_joins(
    manager: User, group: Group, reviewer: User
) -> None:
    link = made(manager, group, "reviewer")
    browser = browser_of(reviewer)
    assert not reviewer.groups.exists()
    for page in ("inbox", "account"):
        assert link in browser.get(reverse(page)).content.decode()
    assert "manager invites reviewer" in browser.get(link).content.decode()
    assert "You are a member of ZTF now" in browser.post(link, follow=True).content.decode()
    assert reviewer.groups.get() == group
    assert list(LogEntry.objects.order_by("id").values_list("user__username", "change_message")) == [
        ("manager", "made the invitation"),
        ("reviewer", "joined the group, invited by manager"),
    ]


def test_an_invitation_for_one_user_is_of_no_use_to_another(
    manager: User, group: Group, reviewer: User, make_user: Callable[..., User]
) -> None:
    link = made(manager, group, "reviewer")
    other = make_user("other")
    assert "for another user" in browser_of(other).post(link, follow=True).content.decode()
    assert Client().post(link, SIGN_UP).status_code == 404
    assert not other.groups.exists()
    assert not User.objects.filter(username="newcomer").exists()


def test_a_user_may_decline(manager: User, group: Group, reviewer: User) -> None:
    link = made(manager, group, "reviewer")
    browser_of(reviewer).post(link, {"answer": "decline"})
    assert not reviewer.groups.exists()
    assert browser_of(reviewer).get(link).status_code == 404


def test_somebody_without_an_account_makes_one_behind_the_link(manager: User, group: Group) -> None:
    link = made(manager, group)
    browser = Client()
    assert browser.post(link, SIGN_UP | {"password2": "other"}).status_code == 400
    assert browser.post(link, SIGN_UP | {"username": "MANAGER"}).status_code == 400
    assert browser.post(link, SIGN_UP)["Location"] == reverse("queue")
    user = User.objects.get(username="newcomer")
    assert (user.email, user.groups.get(), user.is_staff) == ("new@example.org", group, False)
    assert browser.get(reverse("queue")).status_code == 200
    assert Client().post(link, SIGN_UP | {"username": "second"}).status_code == 404
    assert not User.objects.filter(username="second").exists()


def test_whoever_signs_up_with_a_name_that_somebody_takes_at_this_moment_is_told_so(
    manager: User, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(user: User, **options: Any) -> None:
        raise IntegrityError

    link = made(manager, group)
    monkeypatch.setattr(User, "save", taken)
    answer = Client().post(link, SIGN_UP)
    assert (answer.status_code, "already exists" in answer.content.decode()) == (400, True)
    assert GroupInvitation.objects.open().exists()


def test_a_short_password_is_refused_there_too(manager: User, group: Group) -> None:
    short = SIGN_UP | {"password1": "short one", "password2": "short one"}
    assert "at least 12 characters" in Client().post(made(manager, group), short).content.decode()


def test_a_link_is_good_once(manager: User, group: Group, reviewer: User, make_user: Callable[..., User]) -> None:
    link = made(manager, group)
    browser_of(reviewer).post(link)
    late = make_user("late")
    assert browser_of(late).get(link).status_code == 404
    assert browser_of(late).post(link).status_code == 404
    assert not late.groups.exists()


def test_a_member_who_follows_a_link_does_not_use_it_up(manager: User, member: User, group: Group) -> None:
    link = made(manager, group)
    assert "You are a member already" in browser_of(member).post(link, follow=True).content.decode()
    assert Client().get(link).status_code == 200


def test_of_two_who_follow_a_link_at_once_one_joins(
    manager: User, group: Group, reviewer: User, make_user: Callable[..., User]
) -> None:
    made(manager, group)
    invitation = GroupInvitation.objects.get()
    invitations.accept(reviewer, invitation)
    late = make_user("late")
    with pytest.raises(InvalidActionError):
        invitations.accept(late, invitation)
    assert not late.groups.exists()


def test_a_link_that_is_expired_withdrawn_or_forged_leads_nowhere(manager: User, group: Group, reviewer: User) -> None:
    expired, withdrawn, good = (made(manager, group) for _ in range(3))
    first, second, third = GroupInvitation.objects.order_by("pk")
    GroupInvitation.objects.filter(pk=first.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    browser_of(manager).post(reverse("withdraw", args=[group.pk, second.pk]))
    token = invitations.token_of(third)
    forged = [reverse("invitation", args=[text]) for text in (str(third.pk), f"{token}x", token.replace(":", ":x"))]
    for link in (expired, withdrawn, *forged):
        assert browser_of(reviewer).get(link).status_code == 404
    assert browser_of(reviewer).get(good).status_code == 200


def test_the_invitations_of_a_manager_end_with_the_management(
    manager: User, member: User, group: Group, reviewer: User
) -> None:
    groups.set_manager(manager, group.pk, member.pk, manages=True)
    link = made(member, group)
    groups.remove(manager, group.pk, member.pk)
    assert browser_of(reviewer).get(link).status_code == 404
    assert "/invitations/" not in browser_of(manager).get(reverse("group", args=[group.pk])).content.decode()


@pytest.mark.parametrize(
    ("whom", "told"),
    [
        ("nobody", "There is no user “nobody”; enter another name, or an e-mail address."),
        ("member", "“member” is a member already."),
    ],
)
def test_an_invitation_that_makes_no_sense_says_why(
    manager: User, member: User, group: Group, whom: str, told: str
) -> None:
    answer = invite(manager, group, whom)
    assert (answer.status_code, told in answer.content.decode()) == (400, True)
    assert not GroupInvitation.objects.exists()


def test_a_group_has_a_bounded_number_of_open_invitations(
    manager: User, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_OPEN", 1)
    made(manager, group)
    assert "withdraw some first" in invite(manager, group).content.decode()


def test_only_managers_and_staff_invite(member: User, group: Group, reviewer: User) -> None:
    assert invite(member, group).status_code == invite(reviewer, group).status_code == 404
    User.objects.filter(pk=reviewer.pk).update(is_staff=True)
    assert invite(reviewer, group).status_code == 200


def test_an_invitation_by_e_mail_is_sent_once_with_a_link_of_the_desk_s_own_address(
    manager: User, group: Group, mail_server: None, settings: Any
) -> None:
    settings.SITE_URL = "https://triage.example.org"
    assert "The link goes to new@example.org" in invite(manager, group, "new@example.org").content.decode()
    assert (account_mail.run(30), account_mail.run(30)) == (1, 0)
    (message,) = mail.outbox
    link = link_of(GroupInvitation.objects.get())
    assert message.to == ["new@example.org"]
    assert f"https://triage.example.org{link}" in message.body
    assert "new@example.org" in Client().get(link).content.decode()


def test_a_withdrawn_invitation_is_not_sent(manager: User, group: Group, mail_server: None) -> None:
    invite(manager, group, "new@example.org")
    invitations.withdraw(manager, group.pk, GroupInvitation.objects.get().pk)
    account_mail.run(30)
    assert mail.outbox == []


def test_without_a_mail_server_the_manager_passes_the_link_on(manager: User, group: Group) -> None:
    page = invite(manager, group, "new@example.org").content.decode()
    assert "Copy the link below and pass it on." in page
    assert link_of(GroupInvitation.objects.get()) in page
    assert not AccountMail.objects.exists()


def test_a_mail_server_that_is_away_is_tried_again(
    manager: User, group: Group, mail_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: EmailBackend) -> None:
        raise ConnectionRefusedError

    invite(manager, group, "new@example.org")
    with monkeypatch.context() as away:
        away.setattr(EmailBackend, "open", refuse)
        assert account_mail.run(30) == 0
    assert account_mail.run(30) == 0
    AccountMail.objects.update(next_attempt_at=None)
    assert account_mail.run(30) == 1
    assert len(mail.outbox) == 1


def test_a_user_whose_name_is_somebody_elses_address_gets_no_invitation_for_it(
    manager: User, group: Group, make_user: Callable[..., User]
) -> None:
    impostor = make_user("bob@inst.edu")
    User.objects.filter(pk=impostor.pk).update(email="evil@example.org")
    invite(manager, group, "bob@inst.edu")
    invitation = GroupInvitation.objects.get()
    assert (invitation.user, invitation.email) == (None, "bob@inst.edu")


def test_a_manager_does_not_learn_a_members_address(manager: User, group: Group, reviewer: User, settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    User.objects.filter(pk=reviewer.pk).update(email="secret@home.example")
    page = invite(manager, group, "reviewer").content.decode()
    assert "The link goes to reviewer by e-mail" in page
    assert "secret@home.example" not in page


def test_withdrawing_does_not_open_the_way_to_more_mails_in_a_day(
    manager: User, group: Group, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    monkeypatch.setattr(invitations, "MOST_OPEN", 3)
    for number in range(5):
        invite(manager, group, f"{number}@example.org")
        for invitation in GroupInvitation.objects.open():
            invitations.withdraw(manager, group.pk, invitation.pk)
    assert AccountMail.objects.count() == 3


def test_the_invitations_of_a_manager_end_with_the_role(
    manager: User, group: Group, make_user: Callable[..., User]
) -> None:
    second = make_user("second", group.name)
    groups.set_manager(manager, group.pk, second.pk, manages=True)
    link = made(second, group)
    groups.set_manager(manager, group.pk, second.pk, manages=False)
    groups.set_manager(manager, group.pk, second.pk, manages=True)
    assert not GroupInvitation.objects.open().exists()
    assert Client().get(link).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_invitations(
    manager: User, group: Group, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        invite(manager, group, f"{number}@example.org")
    with django_assert_max_num_queries(4):
        assert len(invitations.open_invitations(group)) == 12


@pytest.mark.parametrize("name", ["m\u0430nager", "ann\u00e9", "\uff41nn"])
def test_a_new_name_holds_no_letters_that_look_like_those_of_another_name(
    manager: User, group: Group, name: str
) -> None:
    link = made(manager, group)
    answer = Client().post(link, SIGN_UP | {"username": name})
    assert answer.status_code == 400
    assert "may contain only unaccented" in answer.content.decode()


def test_a_user_whose_name_has_letters_of_another_script_signs_in(make_user: Callable[..., User]) -> None:
    make_user("\u0430\u043d\u043d\u0430")
    sent = {"username": "\u0430\u043d\u043d\u0430", "password": "a long password"}
    assert Client().post(reverse("login"), sent)["Location"] == reverse("queue")
