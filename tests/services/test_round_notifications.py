"""Messages about second opinions and disputes reach the right reviewers, each once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import Group, User

from tests.fakes.notifications import novel_transient, save_wishes, send_notifications
from tests.fakes.receiver import Receiver
from triage.models import (
    Notification,
    NotificationKind,
    NotificationState,
    ReviewPolicy,
    Transient,
)
from triage.review import comments, decisions
from triage.review.proposal import Proposal
from triage.services import notifications

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail_server")]


def test_other_members_are_asked_for_a_second_opinion_and_a_disputed_voter_is_told(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben, cat, stranger = make_user("ann", "a"), make_user("ben", "a"), make_user("cat", "a"), make_user("dan")
    for user in (ann, ben, cat, stranger):
        save_wishes(user, receiver.url)
    group = Group.objects.get(name="a")
    ReviewPolicy.objects.create(group=group, class_names=["TDE"])
    about = novel_transient(ann, "X", group=group)
    decisions.record_decision(ann, about, Proposal("override", class_name="TDE"))
    assert send_notifications() == 2
    asked = Notification.objects.filter(kind=NotificationKind.SECOND_OPINION)
    assert set(asked.values_list("user__username", flat=True)) == {"ben", "cat"}
    # Neither what was decided nor what was predicted is given away.
    assert {message["text"].splitlines()[0] for message in receiver.messages} == {
        "X needs a second opinion, and you may give it"
    }
    decisions.record_decision(ben, about, Proposal("override", class_name="AGN"))
    assert send_notifications() == 1
    told = Notification.objects.get(kind=NotificationKind.DISPUTED)
    assert (told.user, told.state) == (ann, NotificationState.SENT)
    decisions.record_decision(cat, about, Proposal("override", class_name="AGN"))
    assert send_notifications() == 0


def test_novelty_is_not_told_to_a_user_who_owes_a_blind_vote(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben = make_user("ann"), make_user("ben")
    save_wishes(ben, receiver.url, novelty=0.9, second_opinion=False)
    ReviewPolicy.objects.create(class_names=["TDE"])
    about = novel_transient(ann, "X")
    decisions.record_decision(ann, about, Proposal("override", class_name="TDE"))
    assert send_notifications() == 0
    assert receiver.messages == []


def test_a_transient_whose_address_is_too_long_gets_a_link_to_the_queue(
    reviewer: User, make_user: Callable[..., User]
) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    save_wishes(make_user("other"), email="other@example.org")
    transient = novel_transient(reviewer, "é" * 120)
    decisions.record_decision(reviewer, transient, Proposal("override", class_name="TDE"))
    send_notifications()
    assert Notification.objects.get().path == "/"


def open_round(first: User, name: str = "X", seed: int = 1) -> Transient:
    """A transient with one vote for TDE, a class for which the policy demands two."""
    ReviewPolicy.objects.get_or_create(defaults={"class_names": ["TDE"]}, group=None)
    about = novel_transient(first, name, seed=seed)
    decisions.record_decision(first, about, Proposal("override", class_name="TDE"))
    return about


def test_a_decision_writes_no_message_but_the_next_round_of_the_worker_does(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben = make_user("ann"), make_user("ben")
    save_wishes(ben, receiver.url)
    open_round(ann)
    assert not Notification.objects.exists()
    assert send_notifications() == 1
    assert [message["kind"] for message in receiver.messages] == ["second_opinion"]
    assert send_notifications() == 0


def test_a_round_that_is_closed_before_the_worker_comes_is_not_told(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben, cat = make_user("ann"), make_user("ben"), make_user("cat")
    for user in (ann, ben, cat):
        save_wishes(user, receiver.url)
    about = open_round(ann)
    decisions.record_decision(ben, about, Proposal("override", class_name="AGN"))
    decisions.record_decision(cat, about, Proposal("override", class_name="AGN"))
    assert send_notifications() == 0
    assert not Notification.objects.exists()


def test_a_round_opened_before_the_user_asked_to_be_told_is_not_told(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben = make_user("ann"), make_user("ben")
    preference = save_wishes(ben, receiver.url, second_opinion=False)
    open_round(ann)
    preference.second_opinion = True
    notifications.save_preference(preference, None)
    assert send_notifications() == 0
    open_round(ann, "Y", seed=2)
    assert send_notifications() == 1


def test_a_mention_is_told_once_without_the_text_of_the_comment(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben, cat = (make_user(name, "a") for name in ("ann", "ben", "cat"))
    save_wishes(ben, receiver.url)
    save_wishes(cat, receiver.url, mention=False)
    comments.add(ann, novel_transient(ann), "@ben @cat surely smouldering")
    assert send_notifications() == 1
    assert send_notifications() == 0
    (message,) = receiver.messages
    assert (message["kind"], message["transient"]) == ("mention", "X")
    assert message["text"].splitlines()[0] == "ann mentions you in a comment on X"


def test_a_round_is_told_to_each_user_who_wants_that_once(receiver: Receiver, make_user: Callable[..., User]) -> None:
    ann, ben, cat = (make_user(name) for name in ("ann", "ben", "cat"))
    save_wishes(ann, receiver.url)
    save_wishes(ben, receiver.url, second_opinion=False)
    open_round(cat)
    assert [send_notifications(), send_notifications()] == [1, 0]
    assert list(Notification.objects.values_list("user__username", flat=True)) == ["ann"]


def test_a_private_round_is_not_told_to_a_user_who_has_left_the_group(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben, cat = make_user("ann", "a"), make_user("ben", "a"), make_user("cat", "a")
    for user in (ann, cat):
        save_wishes(user, receiver.url)
    group = Group.objects.get(name="a")
    ReviewPolicy.objects.create(group=group, class_names=["TDE"])
    # The transient stays known, because it has a public spectrum too.
    novel_transient(ann)
    about = novel_transient(ann, group=group, seed=2)
    vote = Proposal("override", class_name="TDE", spectrum=about.spectra.get(group=group).pk)
    decisions.record_decision(ann, about, vote)
    assert send_notifications() == 1
    assert [message.kind for message in notifications.latest(cat)] == ["second_opinion"]
    cat.groups.clear()
    assert not notifications.latest(User.objects.get(pk=cat.pk)).exists()
    receiver.status = 503
    decisions.record_decision(ben, about, replace(vote, class_name="AGN"))
    send_notifications()
    assert [message.kind for message in notifications.latest(ann)] == ["disputed"]
    ann.groups.clear()
    assert not notifications.latest(User.objects.get(pk=ann.pk)).exists()
    receiver.status = 200
    assert send_notifications() == 0


def test_a_mention_that_was_withdrawn_is_not_listed(receiver: Receiver, make_user: Callable[..., User]) -> None:
    ann, ben = make_user("ann", "a"), make_user("ben", "a")
    save_wishes(ben, receiver.url)
    comment = comments.add(ann, novel_transient(ann), "@ben look")
    assert send_notifications() == 1
    assert notifications.latest(ben).count() == 1
    comments.withdraw(ann, comment.pk)
    assert not notifications.latest(ben).exists()


def test_a_mention_that_was_withdrawn_before_it_is_sent_is_dropped(
    receiver: Receiver, make_user: Callable[..., User]
) -> None:
    ann, ben = make_user("ann", "a"), make_user("ben", "a")
    save_wishes(ben, receiver.url)
    receiver.status = 503
    comment = comments.add(ann, novel_transient(ann), "@ben look")
    assert send_notifications() == 0
    comments.withdraw(ann, comment.pk)
    receiver.status = 200
    assert send_notifications() == 0
    assert Notification.objects.get().state == NotificationState.DROPPED
