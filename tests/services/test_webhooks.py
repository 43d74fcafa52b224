"""Webhooks are signed and retried, and send nothing that their user may not see."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.factories import spectrum_file
from tests.fakes.receiver import Receiver, hook, send
from triage.errors import InvalidActionError, NotFoundError
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import Decision, DeliveryState, ReviewPolicy, Spectrum, Transient, Webhook, WebhookDelivery
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services import attempts, http, webhooks

pytestmark = pytest.mark.django_db


def decide(user: User, name: str = "X", group: Group | None = None, seed: int = 1) -> Decision:
    submit_spectrum(user, spectrum_file(seed=seed), f"{seed}.txt", Given(transient=name, group=group))
    worker.process_backlog()
    transient = Transient.objects.get(name=name)
    spectrum = Spectrum.objects.get(filename=f"{seed}.txt")
    return record_decision(user, transient, Proposal("override", class_name="TDE", spectrum=spectrum.pk))


def test_a_decision_is_sent_once_and_signed(receiver: Receiver, reviewer: User) -> None:
    _, secret = hook(reviewer, receiver)
    decision = decide(reviewer)
    assert send() == 1
    assert send() == 0
    (message,) = receiver.messages
    assert message["event"] == "decision"
    assert message["data"]["id"] == decision.pk
    assert (message["data"]["transient"], message["data"]["class_name"]) == ("X", "TDE")
    assert receiver.last is not None
    stamp, signed = (part.split("=")[1] for part in receiver.last.headers["X-Triage-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + receiver.last.body, hashlib.sha256).hexdigest()
    assert signed == expected


def test_a_prediction_is_sent_if_the_webhook_asks_for_it(receiver: Receiver, reviewer: User) -> None:
    hook(reviewer, receiver, predictions=True)
    decide(reviewer)
    assert send() == 2
    prediction = next(m["data"] for m in receiver.messages if m["event"] == "prediction")
    current = Spectrum.objects.get().current_prediction
    assert current is not None
    assert (prediction["id"], prediction["class_name"]) == (current.pk, current.class_name)


def test_events_before_the_webhook_are_not_sent(receiver: Receiver, reviewer: User) -> None:
    decide(reviewer)
    hook(reviewer, receiver)
    assert send() == 0


def test_events_that_the_user_may_not_or_no_longer_see_are_not_sent(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    alice, bob = make_user("alice", "a"), make_user("bob", "a")
    hook(bob, receiver)
    bob.groups.clear()
    decide(alice, group=Group.objects.get(name="a"))
    assert send() == 0
    assert not WebhookDelivery.objects.exists()
    bob.groups.add(Group.objects.get(name="a"))
    receiver.status = 500
    assert send() == 0
    bob.groups.clear()
    receiver.status = 200
    assert send() == 0
    assert WebhookDelivery.objects.get().state == DeliveryState.DROPPED
    assert receiver.messages == []


def test_a_first_vote_is_sent_to_the_second_voter_only_after_their_own_vote(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben = make_user("ann"), make_user("ben")
    hook(ben, receiver, predictions=True)
    ReviewPolicy.objects.create(class_names=["TDE"])
    first = decide(ann)
    assert send() == 0
    second = record_decision(ben, first.transient, Proposal("override", class_name="TDE"))
    assert send() == 3
    told = {message["data"]["id"] for message in receiver.messages if message["event"] == "decision"}
    assert told == {first.pk, second.pk}


def test_a_failed_delivery_is_retried_given_up_and_can_be_replayed(receiver: Receiver, reviewer: User) -> None:
    webhook, _ = hook(reviewer, receiver)
    decide(reviewer)
    receiver.status = 503
    waits = []
    for _ in range(webhooks.MAX_ATTEMPTS):
        assert WebhookDelivery.objects.filter(state=DeliveryState.GIVEN_UP).count() == 0
        send()
        waits.append(WebhookDelivery.objects.get().next_attempt_at)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.last_error) == (
        DeliveryState.GIVEN_UP,
        "the receiver answered with status 503",
    )
    assert all(earlier < later for earlier, later in itertools.pairwise(waits))
    receiver.status = 200
    assert send() == 0
    assert webhooks.replay(reviewer, webhook.pk) == 1
    assert send() == 1


def test_a_failed_delivery_waits_before_the_next_attempt(receiver: Receiver, reviewer: User) -> None:
    hook(reviewer, receiver)
    decide(reviewer)
    receiver.status = 503
    webhooks.run(30)
    asked = len(receiver.requests)
    webhooks.run(30)
    assert len(receiver.requests) == asked == 1


def test_a_redirect_is_not_followed(receiver: Receiver, reviewer: User) -> None:
    hook(reviewer, receiver)
    decide(reviewer)
    receiver.status = 302
    send()
    assert WebhookDelivery.objects.get().last_error == "the receiver answered with status 302"


def test_with_half_of_all_requests_failing_every_decision_is_delivered(reviewer: User, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    with Receiver(fail_rate=0.5, seed=2) as server:
        hook(reviewer, server)
        decisions = {decide(reviewer, f"T{i}", seed=i).pk for i in range(6)}
        for _ in range(7):
            send()
        assert {message["data"]["id"] for message in server.messages} == decisions
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:8000/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://user:password@example.org/",
    ],
)
def test_an_address_within_a_private_network_is_refused(reviewer: User, url: str) -> None:
    with pytest.raises(InvalidActionError):
        webhooks.make(reviewer, url, on_prediction=True, on_decision=True)


def test_the_request_goes_to_the_address_that_was_checked(
    receiver: Receiver, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that gives another answer a moment later is not asked again."""
    made, _ = hook(reviewer, receiver)
    Webhook.objects.filter(pk=made.pk).update(url=made.url.replace("127.0.0.1", "hooks.example"))
    decide(reviewer)
    asked_for: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, *asked: Any, **more: Any) -> Any:
        if host == "hooks.example":
            asked_for.append(host)
            host = "127.0.0.1"
        return real(host, *asked, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert send() == 1
    assert asked_for == ["hooks.example"]
    assert receiver.last is not None
    assert receiver.last.headers["Host"].startswith("hooks.example")


def test_an_address_that_has_become_private_is_not_contacted(
    receiver: Receiver, reviewer: User, settings: Settings
) -> None:
    hook(reviewer, receiver)
    decide(reviewer)
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    send()
    assert receiver.requests == []
    assert "private network" in WebhookDelivery.objects.get().last_error


def test_two_workers_do_not_send_the_same_message(receiver: Receiver, reviewer: User) -> None:
    hook(reviewer, receiver)
    decide(reviewer)
    receiver.status = 500
    webhooks.run(30)
    WebhookDelivery.objects.update(next_attempt_at=None)
    first = webhooks._claim()
    assert first is not None
    assert webhooks._claim() is None
    assert first.next_attempt_at is not None
    assert first.next_attempt_at - first.created_at < timedelta(minutes=3)


def test_users_can_make_see_and_remove_only_their_own_webhooks(
    receiver: Receiver, reviewer: User, make_user: Callable[..., User], client: Client
) -> None:
    client.force_login(reviewer)
    made = client.post(reverse("webhooks"), {"url": f"{receiver.url}/hook", "on_decision": "on"})
    webhook = Webhook.objects.get()
    assert webhook.secret.encode() in made.content
    assert webhook.secret.encode() not in client.get(reverse("webhooks")).content
    assert webhook.secret not in webhook.encrypted_secret
    assert b"Choose at least one event" in client.post(reverse("webhooks"), {"url": f"{receiver.url}/hook"}).content
    decide(reviewer)
    receiver.status = 503
    send()
    assert b"status 503" in client.get(reverse("webhooks")).content
    other = make_user("other")
    client.force_login(other)
    assert receiver.url.encode() not in client.get(reverse("webhooks")).content
    client.post(reverse("change-webhook", args=[webhook.pk, "remove"]))
    with pytest.raises(NotFoundError):
        webhooks.replay(other, webhook.pk)
    client.force_login(reviewer)
    client.post(reverse("change-webhook", args=[webhook.pk, "remove"]))
    assert not Webhook.objects.exists()


def test_a_message_is_json_without_nan(receiver: Receiver, reviewer: User) -> None:
    hook(reviewer, receiver, predictions=True)
    decide(reviewer)
    send()
    assert receiver.last is not None
    json.loads(receiver.last.body, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_webhook_with_an_impossible_address_does_not_silence_the_others(receiver: Receiver, reviewer: User) -> None:
    broken, _ = hook(reviewer, receiver)
    Webhook.objects.filter(pk=broken.pk).update(url="http://a\x01b.example/")
    hook(reviewer, receiver)
    decide(reviewer)
    assert send() == 1
    waiting = WebhookDelivery.objects.get(webhook=broken)
    assert waiting.state == DeliveryState.WAITING
    assert "not an address" in waiting.last_error


def test_a_receiver_that_gives_no_answer_does_not_hold_up_the_messages_of_others(
    receiver: Receiver, reviewer: User, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PINNED_TIMEOUT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        mute, _ = webhooks.make(make_user("other"), url, on_prediction=True, on_decision=True)
        hook(reviewer, receiver)
        for i in range(3):
            decide(reviewer, f"T{i}", seed=i + 1)
        # The six messages to the silent one are older.
        assert send() == 3
        tried = WebhookDelivery.objects.filter(webhook=mute, attempts__gt=0)
        assert tried.count() == 1
        assert webhooks.run(30) == 0
        assert tried.get().attempts == 1
        # Even when its time has come, the others are first.
        past = timezone.now() - timedelta(minutes=1)
        Webhook.objects.filter(pk=mute.pk).update(quiet_until=past)
        WebhookDelivery.objects.update(next_attempt_at=past)
        decide(reviewer, "T4", seed=5)
        webhooks.run(0)
        claimed = webhooks._claim()
        assert claimed is not None
        assert claimed.webhook != mute


def test_a_receiver_that_was_away_for_long_gets_new_messages_within_minutes(reviewer: User, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    webhooks.make(reviewer, "http://127.0.0.1:1/", on_prediction=False, on_decision=True)
    decide(reviewer)
    for _ in range(7):
        send()
    now = timezone.now()
    assert WebhookDelivery.objects.filter(attempts=7, next_attempt_at__gt=now + timedelta(hours=2)).exists()
    assert Webhook.objects.filter(quiet_until__lte=now + timedelta(minutes=10)).exists()


def test_a_receiver_that_answers_slowly_comes_after_all_others(
    receiver: Receiver, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, _ = hook(reviewer, receiver)
    for i in range(2):
        decide(reviewer, f"T{i}", seed=i + 1)
    monkeypatch.setattr(attempts, "SLOW_ANSWER", 0.0)
    assert send() == 1
    slow.refresh_from_db()
    assert slow.quiet_until is not None


def test_a_receiver_that_answers_with_an_error_gets_its_other_messages(receiver: Receiver, reviewer: User) -> None:
    hook(reviewer, receiver)
    for i in range(2):
        decide(reviewer, f"T{i}", seed=i + 1)
    receiver.status = 400
    send()
    assert [delivery.attempts for delivery in WebhookDelivery.objects.all()] == [1, 1]


def test_a_fault_while_one_message_is_written_does_not_stop_the_round(
    receiver: Receiver, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _ = hook(reviewer, receiver)
    hook(reviewer, receiver)
    decide(reviewer)
    message = webhooks._message

    def faulty(delivery: WebhookDelivery) -> Any:
        if delivery.webhook_id == broken.pk:
            raise RuntimeError("unforeseen")
        return message(delivery)

    monkeypatch.setattr(webhooks, "_message", faulty)
    assert send() == 1
