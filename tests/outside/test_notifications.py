"""Notifications: of what one chose and may see, by mail or at a web address, each once."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
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

from tests.conftest import spectrum_file
from tests.fakes.server import HTML, AnswerError
from tests.fakes.skyportal import FakeSkyPortal
from tests.outside.test_skyportal_sync import connect, run
from tests.outside.test_webhooks import Receiver
from tests.triage.test_api import client_of
from triage import inference, notifications, review
from triage.intake import Given, submit_spectrum
from triage.models import (
    Notification,
    NotificationKind,
    NotificationPreference,
    NotificationState,
    Prediction,
    ReviewPolicy,
    Transient,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail_server(settings: Settings) -> None:
    """Django's own for tests takes the mail; this only says that there is one."""
    settings.EMAIL_HOST = "mail.example.org"


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    with Receiver() as server:
        yield server


def wishes(user: User, url: str = "", **fields: Any) -> NotificationPreference:
    return notifications.save_preference(NotificationPreference(user=user, **fields), url)


def novel(user: User, name: str = "X", novelty: float = 0.99, group: Group | None = None, seed: int = 1) -> Transient:
    submit_spectrum(user, spectrum_file(seed=seed), f"{name}{seed}.txt", Given(transient=name, group=group))
    inference.process_queue()
    Prediction.objects.filter(spectrum__filename=f"{name}{seed}.txt").update(novelty=novelty)
    return Transient.objects.get(name=name)


def send() -> int:
    """A round of the worker, as if the time for another attempt had come."""
    Notification.objects.filter(state=NotificationState.WAITING).update(next_attempt_at=None)
    return notifications.run(30)


def states() -> list[str]:
    return list(Notification.objects.order_by("id").values_list("state", flat=True))


def test_a_transient_unlike_the_others_is_told_once_by_mail_and_at_the_address(
    receiver: Receiver, reviewer: User
) -> None:
    wishes(reviewer, receiver.url, email="ann@example.org", novelty=0.97)
    novel(reviewer, "SN 2026 odd")
    novel(reviewer, "usual", novelty=0.5, seed=2)
    assert send() == 2
    assert send() == 0
    (message,) = mail.outbox
    assert (message.to, "SN 2026 odd" in message.body) == (["ann@example.org"], True)
    assert "/transients/SN%202026%20odd/" in message.body
    (told,) = receiver.messages
    assert (told["kind"], told["transient"]) == ("novelty", "SN 2026 odd")
    assert "novelty 0.99" in told["text"]
    novel(reviewer, "SN 2026 odd", seed=3)
    assert send() == 0


def test_what_came_before_the_wish_is_not_told(receiver: Receiver, reviewer: User) -> None:
    novel(reviewer)
    preference = wishes(reviewer, receiver.url)
    preference.novelty = 0.9
    notifications.save_preference(preference, None)
    assert send() == 0


def test_of_what_one_may_not_see_or_not_any_more_nothing_is_told(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob", "a")
    stranger = make_user("stranger")
    for user in (bob, stranger):
        wishes(user, receiver.url, novelty=0.9)
    receiver.status = 503
    novel(alice, "secret", group=Group.objects.get(name="a"))
    assert send() == 0
    assert list(Notification.objects.values_list("user__username", flat=True)) == ["bob"]
    bob.groups.clear()
    receiver.status = 200
    assert send() == 0
    assert states() == [NotificationState.DROPPED]
    assert receiver.messages == []


def test_one_call_tells_those_who_want_it_and_each_once(receiver: Receiver, make_user: Callable[..., User]) -> None:
    ann, ben, cat = (make_user(name) for name in ("ann", "ben", "cat"))
    wishes(ann, receiver.url)
    wishes(ben, receiver.url, second_opinion=False)
    about = novel(cat, "X")
    for _ in range(2):
        notifications.tell(NotificationKind.SECOND_OPINION, [ann, ben, cat], "decision-1", "Please look.", about)
    assert send() == 1
    assert [message["kind"] for message in receiver.messages] == ["second_opinion"]


def test_a_sync_that_keeps_failing_is_told_once_and_again_after_it_has_worked(
    receiver: Receiver, reviewer: User, fritz: FakeSkyPortal
) -> None:
    wishes(reviewer, receiver.url, sync_failing=True)
    instance = connect(fritz)
    tokens, fritz.tokens = fritz.tokens, {}
    for _ in range(notifications.FAILURES_IN_A_ROW + 1):
        run(instance)
        send()
    assert len(receiver.messages) == 1
    assert "token is not accepted" in receiver.messages[0]["text"]
    fritz.tokens = tokens
    run(instance)
    fritz.tokens = {}
    for _ in range(notifications.FAILURES_IN_A_ROW):
        run(instance)
        send()
    assert len(receiver.messages) == 2


def test_what_was_surely_not_taken_is_tried_again_and_given_up_in_the_end(
    receiver: Receiver, reviewer: User, caplog: pytest.LogCaptureFixture
) -> None:
    wishes(reviewer, receiver.url, novelty=0.9)
    novel(reviewer)
    receiver.status = 503
    for _ in range(notifications.MAX_ATTEMPTS):
        assert states() in ([], [NotificationState.WAITING])
        send()
    assert states() == [NotificationState.GIVEN_UP]
    assert "not delivered" in caplog.text


def test_a_plain_no_is_not_repeated(receiver: Receiver, reviewer: User) -> None:
    wishes(reviewer, receiver.url, novelty=0.9)
    novel(reviewer)
    receiver.status = 404
    send()
    assert states() == [NotificationState.GIVEN_UP]


def test_what_may_have_arrived_is_not_sent_again(receiver: Receiver, reviewer: User) -> None:
    """The message was taken, and a proxy lost the answer."""
    wishes(reviewer, receiver.url, novelty=0.9)
    novel(reviewer)
    healthy = receiver.answer

    def lossy(request: Any) -> Any:
        healthy(request)
        raise AnswerError(502, HTML)

    receiver.answer = lossy  # type: ignore[method-assign]
    assert [send(), send()] == [0, 0]
    assert (len(receiver.messages), states()) == (1, [NotificationState.UNKNOWN])


def test_with_half_of_all_requests_failing_nobody_is_told_twice(reviewer: User, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    with Receiver(fail_rate=0.5, seed=4) as server:
        wishes(reviewer, server.url, novelty=0.9)
        for seed in range(8):
            novel(reviewer, f"T{seed}", seed=seed)
        for _ in range(9):
            send()
        told = [message["id"] for message in server.messages]
        assert len(told) == len(set(told))
        assert NotificationState.WAITING not in states()
        sent = set(map(str, Notification.objects.filter(state="sent").values_list("pk", flat=True)))
        assert sent <= set(told)


def test_one_whose_worker_died_while_it_was_sent_is_not_sent_again(receiver: Receiver, reviewer: User) -> None:
    wishes(reviewer, receiver.url, novelty=0.9)
    novel(reviewer)
    Notification.objects.all().delete()
    notifications._derive_novelty(NotificationPreference.objects.get())
    assert notifications._claim() is not None
    assert notifications._claim() is None
    Notification.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert notifications.run(30) == 0
    assert (states(), receiver.messages) == ([NotificationState.UNKNOWN], [])


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (smtplib.SMTPRecipientsRefused({}), NotificationState.GIVEN_UP),
        (smtplib.SMTPDataError(451, b"later"), NotificationState.WAITING),
        (smtplib.SMTPServerDisconnected("gone"), NotificationState.UNKNOWN),
    ],
)
def test_a_mail_servers_trouble_is_taken_for_what_it_is(
    reviewer: User, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    def troubled(self: EmailBackend, messages: Any) -> int:
        raise error

    wishes(reviewer, email="ann@example.org", novelty=0.9)
    novel(reviewer)
    monkeypatch.setattr(EmailBackend, "send_messages", troubled)
    send()
    assert states() == [state]


def test_without_a_mail_server_it_says_so(reviewer: User, settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    wishes(reviewer, email="ann@example.org", novelty=0.9)
    novel(reviewer)
    send()
    assert Notification.objects.get().last_error == "this desk has no mail server"
    assert (states(), mail.outbox) == ([NotificationState.GIVEN_UP], [])


def test_an_address_within_a_private_network_is_refused(reviewer: User, client: Client) -> None:
    client.force_login(reviewer)
    answer = client.post(reverse("notifications"), {"url": "http://169.254.169.254/"})
    assert b"private network" in answer.content
    assert client_of(reviewer).patch("/api/v1/notifications/", {"url": "http://10.0.0.1/"}).status_code == 409
    assert not NotificationPreference.objects.exists()


def test_the_page_keeps_wishes_shows_no_address_and_sends_a_test(
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
    assert send() == 1
    assert b"This is a test" in client.get(reverse("notifications")).content
    client.post(reverse("notifications"), {"forget_url": "on"})
    assert NotificationPreference.objects.get().url == ""


def test_the_api_reads_and_changes_ones_wishes(reviewer: User) -> None:
    api = client_of(reviewer)
    assert api.get("/api/v1/notifications/").json()["novelty"] is None
    changed = api.patch("/api/v1/notifications/", {"email": "ann@example.org", "novelty": 0.9})
    assert changed.json() == {
        "email": "ann@example.org",
        "has_url": False,
        "novelty": 0.9,
        "second_opinion": True,
        "disputed": True,
        "sync_failing": False,
    }
    assert api.patch("/api/v1/notifications/", {"novelty": 3}).status_code == 400


def test_who_may_give_a_second_opinion_is_asked_and_whose_vote_is_disputed_is_told(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben, cat, stranger = make_user("ann", "a"), make_user("ben", "a"), make_user("cat", "a"), make_user("dan")
    for user in (ann, ben, cat, stranger):
        wishes(user, receiver.url)
    group = Group.objects.get(name="a")
    ReviewPolicy.objects.create(group=group, class_names=["TDE"])
    about = novel(ann, "X", group=group)
    review.record_decision(ann, about, review.Proposal("override", class_name="TDE"))
    assert send() == 2
    asked = Notification.objects.filter(kind=NotificationKind.SECOND_OPINION)
    assert set(asked.values_list("user__username", flat=True)) == {"ben", "cat"}
    # Neither what was decided nor what was predicted is given away.
    assert {message["text"].splitlines()[0] for message in receiver.messages} == {"X wants a second opinion"}
    review.record_decision(ben, about, review.Proposal("override", class_name="AGN"))
    assert send() == 1
    told = Notification.objects.get(kind=NotificationKind.DISPUTED)
    assert (told.user, told.state) == (ann, NotificationState.SENT)
    review.record_decision(cat, about, review.Proposal("override", class_name="AGN"))
    assert send() == 0


def test_novelty_is_not_told_to_who_is_to_decide_without_seeing_the_prediction(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben = make_user("ann"), make_user("ben")
    wishes(ben, receiver.url, novelty=0.9, second_opinion=False)
    ReviewPolicy.objects.create(class_names=["TDE"])
    about = novel(ann, "X")
    review.record_decision(ann, about, review.Proposal("override", class_name="TDE"))
    assert send() == 0
    assert receiver.messages == []


def test_a_name_whose_address_is_too_long_to_be_kept_hinders_no_decision(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    wishes(make_user("other"), email="other@example.org")
    transient = novel(reviewer, "é" * 120)
    review.record_decision(reviewer, transient, review.Proposal("override", class_name="TDE"))
    assert Notification.objects.get().path == "/"
