"""Notifications reach users about what they chose and may see, by e-mail or at a web address, each once."""

from __future__ import annotations

import importlib
import json
import smtplib
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.api_client import client_of
from tests.fakes.notifications import novel_transient, save_wishes, send_notifications
from tests.fakes.receiver import Receiver
from tests.fakes.server import HTML, AnswerError
from tests.fakes.skyportal import FakeSkyPortal
from tests.fakes.skyportal_rounds import connect, run
from triage.models import (
    AutomaticRun,
    Notification,
    NotificationPreference,
    NotificationState,
)
from triage.services import http, messengers, notifications, occasions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail_server")]


def states() -> list[str]:
    return list(Notification.objects.order_by("id").values_list("state", flat=True))


def test_a_transient_unlike_the_others_is_told_once_by_mail_and_at_the_address(
    receiver: Receiver, reviewer: User
) -> None:
    save_wishes(reviewer, receiver.url, email="ann@example.org", novelty=0.97)
    novel_transient(reviewer, "SN 2026 odd")
    novel_transient(reviewer, "usual", novelty=0.5, seed=2)
    assert send_notifications() == 2
    assert send_notifications() == 0
    (message,) = mail.outbox
    assert (message.to, "SN 2026 odd" in message.body) == (["ann@example.org"], True)
    assert "/transients/SN%202026%20odd/" in message.body
    (told,) = receiver.messages
    assert (told["kind"], told["transient"]) == ("novelty", "SN 2026 odd")
    assert "novelty 0.99" in told["text"]
    novel_transient(reviewer, "SN 2026 odd", seed=3)
    assert send_notifications() == 0


def test_a_name_is_no_command_of_slack(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def accept(url: str, body: bytes, headers: dict[str, str]) -> int:
        sent.append(body)
        return 200

    monkeypatch.setattr(messengers, "post_pinned", accept)
    message = Notification(user=reviewer, text="new: <!channel> & more")
    messengers.send_to_url("https://hooks.slack.com/services/x", message)
    assert "new: &lt;!channel&gt; &amp; more" in json.loads(sent[0])["text"]


def test_a_prediction_from_before_the_wish_is_not_told(receiver: Receiver, reviewer: User) -> None:
    novel_transient(reviewer)
    preference = save_wishes(reviewer, receiver.url)
    preference.novelty = 0.9
    notifications.save_preference(preference, None)
    assert send_notifications() == 0


def test_a_user_is_told_nothing_about_a_transient_that_is_or_becomes_invisible_to_them(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob", "a")
    stranger = make_user("stranger")
    for user in (bob, stranger):
        save_wishes(user, receiver.url, novelty=0.9)
    receiver.status = 503
    novel_transient(alice, "secret", group=Group.objects.get(name="a"))
    assert send_notifications() == 0
    assert list(Notification.objects.values_list("user__username", flat=True)) == ["bob"]
    bob.groups.clear()
    receiver.status = 200
    assert send_notifications() == 0
    assert states() == [NotificationState.DROPPED]
    assert receiver.messages == []
    assert client_of(bob).get("/api/v1/notifications/latest/").json()["results"] == []


@pytest.mark.parametrize("before_it_is_sent", [True, False])
def test_a_private_prediction_is_not_told_to_a_user_who_has_left_the_group(
    receiver: Receiver, make_user: Callable[..., User], before_it_is_sent: bool
) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob", "a")
    novel_transient(alice, novelty=0.5)
    save_wishes(bob, receiver.url, novelty=0.9)
    novel_transient(alice, group=Group.objects.get(name="a"), seed=2)
    receiver.status = 503 if before_it_is_sent else 200
    assert send_notifications() == (0 if before_it_is_sent else 1)
    bob.groups.clear()
    receiver.status = 200
    assert send_notifications() == 0
    assert states() == [NotificationState.DROPPED if before_it_is_sent else NotificationState.SENT]
    assert client_of(bob).get("/api/v1/notifications/latest/").json()["results"] == []


def test_a_sync_that_keeps_failing_is_told_once_and_again_after_it_has_worked(
    receiver: Receiver, reviewer: User, fritz: FakeSkyPortal
) -> None:
    save_wishes(reviewer, receiver.url, sync_failing=True)
    instance = connect(fritz)
    tokens, fritz.tokens = fritz.tokens, {}
    for _ in range(occasions.FAILURES_IN_A_ROW + 1):
        run(instance)
        send_notifications()
    assert len(receiver.messages) == 1
    assert "token is not accepted" in receiver.messages[0]["text"]
    fritz.tokens = tokens
    run(instance)
    fritz.tokens = {}
    for _ in range(occasions.FAILURES_IN_A_ROW):
        run(instance)
        send_notifications()
    assert len(receiver.messages) == 2


def test_a_policy_that_switches_itself_off_is_told_once_to_those_who_keep_it(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    keeper, other = make_user("keeper"), make_user("other")
    keeper.is_staff = True
    keeper.save()
    for user in (keeper, other):
        save_wishes(user, receiver.url)
    ended = {"conditions": {}, "checkpoint": "x", "vetted": 0, "disagreed": 0, "began_by": keeper}
    AutomaticRun.objects.create(**ended, ended_at=timezone.now(), reason="The trial has classified 5 transients.")
    AutomaticRun.objects.create(**ended, ended_at=timezone.now(), ended_by=keeper, reason="It was switched off.")
    for _ in range(2):
        send_notifications()
    (message,) = receiver.messages
    assert message["kind"] == "policy_off"
    assert "public spectra has switched itself off. The trial has classified 5 transients." in message["text"]


def test_a_message_that_was_certainly_not_delivered_is_repeated_and_finally_given_up(
    receiver: Receiver, reviewer: User, caplog: pytest.LogCaptureFixture
) -> None:
    save_wishes(reviewer, receiver.url, novelty=0.9)
    novel_transient(reviewer)
    receiver.status = 503
    for _ in range(notifications.MAX_ATTEMPTS):
        assert states() in ([], [NotificationState.WAITING])
        send_notifications()
    assert states() == [NotificationState.GIVEN_UP]
    assert "not delivered" in caplog.text


def test_a_message_that_was_refused_is_not_repeated(receiver: Receiver, reviewer: User) -> None:
    save_wishes(reviewer, receiver.url, novelty=0.9)
    novel_transient(reviewer)
    receiver.status = 404
    send_notifications()
    assert states() == [NotificationState.GIVEN_UP]


def test_a_message_that_may_have_arrived_is_not_sent_again(receiver: Receiver, reviewer: User) -> None:
    """The receiver takes the message, and a proxy loses the answer."""
    save_wishes(reviewer, receiver.url, novelty=0.9)
    novel_transient(reviewer)
    healthy = receiver.answer

    def lossy(request: Any) -> Any:
        healthy(request)
        raise AnswerError(502, HTML)

    receiver.answer = lossy  # type: ignore[method-assign]
    assert [send_notifications(), send_notifications()] == [0, 0]
    assert (len(receiver.messages), states()) == (1, [NotificationState.UNKNOWN])


def test_with_half_of_all_requests_failing_nobody_is_told_twice(reviewer: User, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    with Receiver(fail_rate=0.5, seed=4) as server:
        save_wishes(reviewer, server.url, novelty=0.9)
        for seed in range(8):
            novel_transient(reviewer, f"T{seed}", seed=seed)
        for _ in range(9):
            send_notifications()
        told = [message["id"] for message in server.messages]
        assert len(told) == len(set(told))
        assert NotificationState.WAITING not in states()
        sent = set(map(str, Notification.objects.filter(state="sent").values_list("pk", flat=True)))
        assert sent <= set(told)


def test_a_message_whose_worker_died_while_sending_it_is_not_sent_again(receiver: Receiver, reviewer: User) -> None:
    save_wishes(reviewer, receiver.url, novelty=0.9)
    novel_transient(reviewer)
    Notification.objects.all().delete()
    occasions.write_down_all(NotificationPreference.objects.get())
    assert notifications._claim() is not None
    assert notifications._claim() is None
    Notification.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert notifications.run(30) == 0
    assert (states(), receiver.messages) == ([NotificationState.UNKNOWN], [])


def test_an_address_that_gives_no_answer_does_not_hold_up_the_messages_of_others(
    receiver: Receiver, reviewer: User, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PINNED_TIMEOUT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        save_wishes(make_user("other"), f"http://127.0.0.1:{silent.getsockname()[1]}/", novelty=0.9)
        save_wishes(reviewer, receiver.url, novelty=0.9)
        for seed in range(3):
            novel_transient(reviewer, f"T{seed}", seed=seed)
        # The messages to the silent address are older.
        assert notifications.run(30) == 3
        assert states().count(NotificationState.UNKNOWN) == 1
        assert notifications.run(30) == 0
        assert states().count(NotificationState.WAITING) == 2


def test_a_new_address_gets_at_once_what_the_earlier_one_did_not_take(receiver: Receiver, reviewer: User) -> None:
    preference = save_wishes(reviewer, f"{receiver.url}/old", novelty=0.9)
    novel_transient(reviewer)
    receiver.status = 503
    notifications.run(30)
    receiver.status = 200
    assert notifications.run(30) == 0
    notifications.save_preference(preference, f"{receiver.url}/new")
    assert notifications.run(30) == 1


def test_a_new_address_gets_a_test_message_at_once_after_the_earlier_one_gave_no_answer(
    receiver: Receiver, reviewer: User
) -> None:
    preference = save_wishes(reviewer, f"{receiver.url}/old", novelty=0.9)
    novel_transient(reviewer)
    receiver.status = 502
    notifications.run(30)
    assert states() == [NotificationState.UNKNOWN]
    receiver.status = 200
    notifications.save_preference(preference, f"{receiver.url}/new")
    notifications.tell_test(reviewer)
    assert notifications.run(30) == 1


def test_what_waits_is_not_sent_to_the_earlier_address_while_a_new_one_is_saved(
    receiver: Receiver, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    preference = save_wishes(reviewer, f"{receiver.url}/old", novelty=0.9)
    novel_transient(reviewer)
    receiver.status = 503
    send_notifications()
    receiver.status = 200
    usual = NotificationPreference.save

    def slow(self: NotificationPreference) -> None:
        NotificationPreference.objects.update(quiet_until=None)
        notifications.run(30)
        usual(self)

    monkeypatch.setattr(NotificationPreference, "save", slow)
    notifications.save_preference(preference, f"{receiver.url}/new")
    assert receiver.messages == []
    assert notifications.run(30) == 1


def test_an_address_that_was_away_for_long_gets_new_messages_within_minutes(receiver: Receiver, reviewer: User) -> None:
    save_wishes(reviewer, receiver.url, novelty=0.9)
    novel_transient(reviewer)
    receiver.status = 503
    for _ in range(7):
        send_notifications()
    now = timezone.now()
    assert Notification.objects.filter(attempts=7, next_attempt_at__gt=now + timedelta(hours=2)).exists()
    assert NotificationPreference.objects.filter(quiet_until__lte=now + timedelta(minutes=10)).exists()


@pytest.mark.parametrize(
    "part", ["triage.services.occasions._derive_novelty", "triage.services.notifications._visible"]
)
def test_a_fault_over_one_users_messages_does_not_silence_the_others(
    receiver: Receiver, reviewer: User, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    other = make_user("other")
    for user in (other, reviewer):
        save_wishes(user, receiver.url, novelty=0.9)
    novel_transient(reviewer)
    module, _, name = part.rpartition(".")
    usual = getattr(importlib.import_module(module), name)

    def faulty(row: Any) -> Any:
        if row.user_id == other.pk:
            raise RuntimeError("unforeseen")
        return usual(row)

    monkeypatch.setattr(part, faulty)
    assert send_notifications() == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (smtplib.SMTPRecipientsRefused({}), NotificationState.GIVEN_UP),
        (smtplib.SMTPDataError(451, b"later"), NotificationState.WAITING),
        (smtplib.SMTPServerDisconnected("gone"), NotificationState.UNKNOWN),
    ],
)
def test_each_error_of_a_mail_server_leads_to_its_own_state(
    reviewer: User, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    def troubled(self: EmailBackend, messages: Any) -> int:
        raise error

    save_wishes(reviewer, email="ann@example.org", novelty=0.9)
    novel_transient(reviewer)
    monkeypatch.setattr(EmailBackend, "send_messages", troubled)
    send_notifications()
    assert states() == [state]


def test_a_desk_without_a_mail_server_gives_the_message_up_and_says_why(reviewer: User, settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    save_wishes(reviewer, email="ann@example.org", novelty=0.9)
    novel_transient(reviewer)
    send_notifications()
    assert Notification.objects.get().last_error == "this desk has no mail server; set EMAIL_HOST"
    assert (states(), mail.outbox) == ([NotificationState.GIVEN_UP], [])


def test_an_address_within_a_private_network_is_refused(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    answer = client.post(reverse("notifications"), {"url": "http://169.254.169.254/"})
    assert b"private network" in answer.content
    assert client_of(reviewer).patch("/api/v1/notifications/", {"url": "http://10.0.0.1/"}).status_code == 409
    assert not NotificationPreference.objects.exists()


def test_the_page_stores_wishes_hides_the_address_and_sends_a_test_message(
    receiver: Receiver, reviewer: User, client: Client
) -> None:
    client.force_login(reviewer)
    client.post(reverse("notifications"), {"url": f"{receiver.url}/hook-secret", "novelty": "0.95", "disputed": "on"})
    preference = NotificationPreference.objects.get()
    assert (preference.novelty, preference.disputed, preference.second_opinion) == (0.95, True, False)
    assert b"hook-secret" not in client.get(reverse("notifications")).content
    assert "hook-secret" not in preference.encrypted_url
    client.post(reverse("notifications"), {"novelty": "2"})
    assert NotificationPreference.objects.get().novelty == 0.95
    client.post(reverse("notifications"), {"novelty": ""})
    assert NotificationPreference.objects.get().url.endswith("hook-secret")
    client.post(reverse("test-notification"))
    assert send_notifications() == 1
    assert b"This is a test" in client.get(reverse("notifications")).content
    client.post(reverse("notifications"), {"forget_url": "on"})
    assert NotificationPreference.objects.get().url == ""


def test_the_api_reads_and_changes_the_users_wishes(reviewer: User) -> None:
    api = client_of(reviewer)
    assert api.get("/api/v1/notifications/").json()["novelty"] is None
    changed = api.patch("/api/v1/notifications/", {"email": "ann@example.org", "novelty": 0.9})
    assert changed.json() == {
        "email": "ann@example.org",
        "has_url": False,
        "novelty": 0.9,
        "second_opinion": True,
        "disputed": True,
        "mention": True,
        "sync_failing": False,
        "policy_off": True,
        "digest": False,
    }
    assert api.patch("/api/v1/notifications/", {"novelty": 3}).status_code == 400
