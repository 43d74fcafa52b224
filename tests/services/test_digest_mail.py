"""The digest of a night is sent once to each user who asked for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.utils import timezone

from tests.factories import classified, override
from tests.fakes.notifications import save_wishes, send_notifications
from tests.fakes.receiver import Receiver
from triage.export.night import Night
from triage.models import Classification, Notification, NotificationPreference, NotificationState, Spectrum
from triage.services import notifications, occasions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail_server")]


@pytest.fixture
def vetted(reviewer: User) -> None:
    """Vet a transient in the last night."""
    override(reviewer, classified(reviewer, "SN 2026abc"), "SN Ic")
    during = Night.last_ended().start + timedelta(hours=6)
    Spectrum.objects.update(created_at=during)
    Classification.objects.update(decided_at=during)


def asked_two_days_ago(user: User, url: str = "", **fields: str) -> None:
    save_wishes(user, url, digest=True, **fields)
    NotificationPreference.objects.filter(user=user).update(since=timezone.now() - timedelta(days=2))


@pytest.mark.usefixtures("vetted")
def test_the_digest_of_the_last_night_is_mailed_once(reviewer: User) -> None:
    asked_two_days_ago(reviewer, email="ann@example.org")
    assert [send_notifications(), send_notifications()] == [1, 0]
    (message,) = mail.outbox
    assert message.to == ["ann@example.org"]
    assert message.subject == "Spectrum triage: digest of the night"
    assert "SN 2026abc  SN Ic" in message.body
    assert f"/night/digest/?date={Night.last_ended()}" in message.body


@pytest.mark.usefixtures("vetted")
def test_another_channel_gets_the_address_of_the_digest(reviewer: User, receiver: Receiver) -> None:
    asked_two_days_ago(reviewer, receiver.url)
    send_notifications()
    (told,) = receiver.messages
    assert told["kind"] == "digest"
    assert "SN 2026abc" not in told["text"]
    assert f"/night/digest/?date={Night.last_ended()}" in told["link"]


def test_nobody_gets_a_digest_unasked_or_of_a_night_before_they_asked(reviewer: User) -> None:
    preference = save_wishes(reviewer, email="ann@example.org")
    NotificationPreference.objects.update(since=timezone.now() - timedelta(days=2))
    assert send_notifications() == 0
    preference.digest = True
    notifications.save_preference(preference, None)
    assert send_notifications() == 0
    assert Notification.objects.count() == 0


def test_a_digest_whose_worker_died_while_sending_it_is_not_sent_again(reviewer: User) -> None:
    asked_two_days_ago(reviewer, email="ann@example.org")
    occasions.write_down_all(NotificationPreference.objects.get())
    assert notifications._claim() is not None
    assert send_notifications() == 0
    Notification.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert [notifications.run(30), notifications.run(30)] == [0, 0]
    assert mail.outbox == []
    assert Notification.objects.get().state == NotificationState.UNKNOWN


def test_a_digest_holds_what_its_reader_may_see_when_it_is_sent(make_user: Callable[..., User]) -> None:
    ada, ben = make_user("ada", "a"), make_user("ben", "a")
    classified(ada, "secret", group=Group.objects.get(name="a"))
    override(ada, Spectrum.objects.get().transient, "TDE")  # type: ignore[arg-type]
    Classification.objects.update(decided_at=Night.last_ended().start)
    asked_two_days_ago(ben, email="ben@example.org")
    occasions.write_down_all(NotificationPreference.objects.get())
    ben.groups.clear()
    assert send_notifications() == 1
    assert "secret" not in mail.outbox[0].body
