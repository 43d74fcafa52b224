"""Passwords are changed on the account page, and reset by e-mail."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.accounts.test_groups import browser_of
from triage.accounts import login_throttle
from triage.models import AccountMail
from triage.services import account_mail

pytestmark = pytest.mark.django_db

OLD, NEW = "a long password", "another long password"
CHANGE = {"old_password": OLD, "new_password1": NEW, "new_password2": NEW}
FORGOTTEN = "/login/forgotten/"


@pytest.fixture
def ann(reviewer: User) -> User:
    reviewer.email = "ann@example.org"
    reviewer.save()
    return reviewer


def ask(email: str, address: str = "192.0.2.1") -> Any:
    return Client(REMOTE_ADDR=address).post(FORGOTTEN, {"email": email})


def link_in_mail() -> str:
    account_mail.run(30)
    found = re.search(r"https?://[^/]+(/login/new/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def set_new(link: str, password: str = NEW) -> Any:
    browser = Client()
    form = browser.get(link, follow=True)
    return browser.post(form.wsgi_request.path, {"new_password1": password, "new_password2": password}, follow=True)


def test_a_changed_password_ends_the_other_sessions_but_not_this_one(reviewer: User) -> None:
    here, elsewhere = browser_of(reviewer), browser_of(reviewer)
    assert here.post(reverse("change-password"), CHANGE)["Location"] == reverse("account")
    assert here.get(reverse("account")).status_code == 200
    assert elsewhere.get(reverse("account")).status_code == 302
    assert Client().login(username="reviewer", password=NEW)
    assert LogEntry.objects.get().change_message == "changed the password"


def test_a_new_password_must_be_a_good_one(reviewer: User) -> None:
    short = CHANGE | {"new_password1": "short one", "new_password2": "short one"}
    page = browser_of(reviewer).post(reverse("change-password"), short)
    assert (page.status_code, "at least 12 characters" in page.content.decode()) == (400, True)


def test_the_present_password_cannot_be_guessed_on_the_account_page(reviewer: User) -> None:
    browser = browser_of(reviewer)
    for _ in range(login_throttle.MOST_FOR_A_PERSON):
        assert browser.post(reverse("change-password"), CHANGE | {"old_password": "wrong"}).status_code == 400
    for path, name in ((reverse("change-password"), "old_password"), (reverse("change-email"), "password")):
        told = set()
        for password in (OLD, "wrong"):
            refused = browser.post(path, CHANGE | {name: password})
            assert (refused.status_code, "Too many wrong passwords" in refused.content.decode()) == (429, True)
            told.add(re.sub(r'(csrfmiddlewaretoken" value=|connect=)"?[^"]+', "", refused.content.decode()))
        assert len(told) == 1, "the answer tells whether the password was right"
    assert Client().login(username="reviewer", password=OLD)


def test_the_e_mail_address_changes_with_the_password_only(reviewer: User) -> None:
    browser = browser_of(reviewer)
    assert browser.post(reverse("change-email"), {"email": "a@example.org", "password": "wrong"}).status_code == 400
    reviewer.refresh_from_db()
    assert reviewer.email == ""
    browser.post(reverse("change-email"), {"email": "a@example.org", "password": OLD})
    reviewer.refresh_from_db()
    assert reviewer.email == "a@example.org"


def test_a_forgotten_password_is_offered_only_with_a_mail_server(client: Client, settings: Any) -> None:
    assert FORGOTTEN not in client.get("/login/").content.decode()
    assert client.get(FORGOTTEN).status_code == client.post(FORGOTTEN, {"email": "a@example.org"}).status_code == 404
    settings.EMAIL_HOST = "mail.example.org"
    assert FORGOTTEN in client.get("/login/").content.decode()
    assert client.get(FORGOTTEN).status_code == 200


def test_a_link_by_e_mail_sets_a_new_password_once_and_ends_all_sessions(ann: User, mail_server: None) -> None:
    elsewhere = browser_of(ann)
    ask("Ann@example.org")
    link = link_in_mail()
    assert mail.outbox[0].to == ["ann@example.org"]
    assert "Your new password is set" in set_new(link).content.decode()
    assert Client().login(username="reviewer", password=NEW)
    assert elsewhere.get(reverse("account")).status_code == 302
    assert "This link was used, or is too old" in Client().get(link, follow=True).content.decode()
    assert LogEntry.objects.get().change_message == "set a new password by e-mail"


def test_the_answer_and_the_work_are_the_same_whether_or_not_there_is_an_account(ann: User, mail_server: None) -> None:
    answers, rows = [], []
    for email in ("ann@example.org", "who@example.org"):
        page = ask(email)
        answers.append((page.status_code, page.content.decode()))
        rows.append(AccountMail.objects.filter(email=email).values_list("kind", "state", "asked_from").get())
    assert answers[0] == answers[1]
    assert rows[0] == rows[1]
    assert "If an account has this e-mail address" in answers[0][1]
    assert mail.outbox == []
    assert account_mail.run(30) == 2
    assert [message.to for message in mail.outbox] == [["ann@example.org"]]


def test_neither_a_disabled_user_nor_one_without_a_password_gets_a_link(ann: User, mail_server: None) -> None:
    User.objects.filter(pk=ann.pk).update(is_active=False)
    other = User.objects.create_user("sso", email="ann@example.org")
    assert not other.has_usable_password()
    ask("ann@example.org")
    account_mail.run(30)
    assert mail.outbox == []


def test_the_link_leads_to_the_desk_s_own_address_whatever_host_the_request_names(
    ann: User, mail_server: None, settings: Any
) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://triage.example.org", ["*"]
    Client().post(FORGOTTEN, {"email": "ann@example.org"}, headers={"Host": "evil.example"})
    link_in_mail()
    assert "https://triage.example.org/login/new/" in mail.outbox[0].body
    assert "evil" not in mail.outbox[0].body


def test_requests_are_limited_for_an_account_and_for_a_network(
    mail_server: None, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(login_throttle.MOST_FOR_A_PERSON):
        assert ask("who@example.org", address=f"192.0.2.{number}").status_code == 200
    assert ask("WHO@example.org", address="192.0.2.99").status_code == 429
    AccountMail.objects.update(created_at=timezone.now() - login_throttle.WINDOW - timedelta(seconds=1))
    assert ask("who@example.org").status_code == 200
    monkeypatch.setattr("triage.accounts.passwords.MOST_FOR_AN_ADDRESS", 2)
    assert ask("b@example.org").status_code == 200
    assert ask("c@example.org").status_code == 429


def test_a_request_of_an_hour_ago_is_not_answered_and_one_of_a_day_ago_is_deleted(ann: User, mail_server: None) -> None:
    ask("ann@example.org")
    AccountMail.objects.update(created_at=timezone.now() - account_mail.FRESH - timedelta(seconds=1))
    assert (account_mail.run(30), AccountMail.objects.count()) == (0, 1)
    AccountMail.objects.update(created_at=timezone.now() - account_mail.KEPT - timedelta(seconds=1))
    assert (account_mail.run(30), AccountMail.objects.count(), mail.outbox) == (0, 0, [])


def test_the_database_holds_no_link(ann: User, mail_server: None) -> None:
    ask("ann@example.org")
    link = link_in_mail()
    assert link.split("/")[-2] not in str(list(AccountMail.objects.values()))
