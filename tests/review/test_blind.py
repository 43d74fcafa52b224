"""A reviewer who owes a blind vote can learn neither the first vote nor the prediction anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.api_client import API, session_client
from tests.factories import classified, spectrum_file
from tests.fakes.receiver import Receiver, hook, send
from triage.export import classifications
from triage.inference import worker
from triage.intake.submit import Given, submit_spectrum
from triage.models import (
    Notification,
    PostKind,
    Prediction,
    QueueEntry,
    ReviewPolicy,
    SkyPortalInstance,
    SkyPortalPost,
    Spectrum,
    Transient,
    WebhookDelivery,
)
from triage.queue.filters import QueueFilter
from triage.review import agreement, bulk, decisions
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal
from triage.services import notifications, webhooks

pytestmark = pytest.mark.django_db
SECRET = "smouldering"


@pytest.fixture
def three(make_user: Callable[..., User]) -> list[User]:
    """Return three reviewers; the last one owes a vote in the tests below."""
    return [make_user(name) for name in ("ada", "ben", "cleo")]


def vote(user: User, transient: Transient, class_name: str = "TDE") -> Any:
    return record_decision(user, transient, Proposal("override", class_name=class_name, comment=SECRET))


def reopened(three: list[User]) -> Transient:
    """Return a transient that two reviewers vetted and that has one vote again after the second undid theirs."""
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(three[0])
    vote(three[0], transient)
    decisions.undo(three[1], vote(three[1], transient).pk)
    return transient


def text(user: User, where: str) -> str:
    response = session_client(user).get(f"{API}/{where}")
    assert response.status_code == 200, where
    return b"".join(response).decode()


@pytest.mark.parametrize("query", ["", "&format=csv", "&format=votable", "&class_name=TDE", "&reviewer=ben"])
def test_the_cursor_over_changes_hides_a_vote_that_was_briefly_vetted(three: list[User], query: str) -> None:
    reopened(three)
    # A reviewer who has voted sees everything.
    assert SECRET in text(three[0], f"classifications/?since=c0{query}")
    told = text(three[2], f"classifications/?since=c0{query}")
    assert SECRET not in told
    assert "TDE" not in told.replace("class_name=TDE", "")
    assert "ben" not in told.replace("reviewer=ben", "")


@pytest.mark.parametrize("query", [{}, {"class_name": "TDE"}, {"class_name": "AGN"}])
def test_a_reader_who_saw_a_classification_is_told_of_its_withdrawal(three: list[User], query: dict[str, str]) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(three[0])
    vote(three[0], transient)
    second = vote(three[1], transient)
    since = session_client(three[2]).get(f"{API}/classifications/", {"since": "c0", **query}).json()["since"]
    decisions.undo(three[1], second.pk)
    (row,) = session_client(three[2]).get(f"{API}/classifications/", {"since": since, **query}).json()["results"]
    assert (row["id"], row["withdrawn"], row["class_name"], row["comment"]) == (second.pk, True, None, None)


def test_after_the_readers_own_vote_the_sequence_of_changes_is_complete(three: list[User]) -> None:
    transient = reopened(three)
    since = session_client(three[2]).get(f"{API}/classifications/?since=c0").json()["since"]
    last = vote(three[2], transient)
    rows = session_client(three[2]).get(f"{API}/classifications/?since={since}").json()["results"]
    assert [(row["id"], row["withdrawn"], row["class_name"]) for row in rows] == [(last.pk, False, "TDE")]
    everything = classifications.changes_after(three[2], 0, classifications.Wanted())
    assert [row.withdrawn for row in everything] == [False, True, False]


def test_a_groups_classification_is_hidden_until_the_reader_gives_the_public_vote(
    three: list[User], make_user: Callable[..., User]
) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    dora = make_user("dora", "a")
    transient = classified(three[0])
    private = classified(dora, "X", group=dora.groups.get(), seed=5)
    vote(three[0], transient)
    mine = Spectrum.objects.get(group=dora.groups.get())
    three[1].groups.add(dora.groups.get())
    record_decision(three[1], private, Proposal("override", class_name="TDE", spectrum=mine.pk))
    assert list(classifications.vetted(dora, classifications.Wanted())) == []
    public = Spectrum.objects.get(group__isnull=True)
    record_decision(dora, transient, Proposal("override", class_name="TDE", spectrum=public.pk))
    assert len(classifications.vetted(dora, classifications.Wanted())) == 1


WAYS = (
    "classifications/",
    "classifications/?format=csv",
    "classifications/?format=votable",
    "transients/",
    "transients/?class_name=TDE",
    "transients/?state=second_opinion",
    "transients/X/",
    "spectra/",
    "queue/?state=second_opinion",
    "queue/?state=second_opinion&class_name=TDE",
    "queue/?state=done",
    "queue/counts/",
    "queue/bulk/?threshold=50",
    "agreement/",
    "night/?since=all",
    "night/digest/",
    "notifications/latest/",
    "transients/X/comments/",
    "inbox/",
    "skyportal/outbox/",
    "tns/",
)


def test_no_list_or_record_of_the_api_reveals_the_hidden_vote(three: list[User]) -> None:
    reopened(three)
    predicted = Spectrum.objects.get().current_prediction
    assert predicted is not None
    assert SECRET in text(three[0], "transients/X/")
    for way in WAYS:
        told = text(three[2], way)
        assert SECRET not in told, way
        assert "TDE" not in told.replace("class_name=TDE", ""), way
        assert predicted.checkpoint.hash not in told, way
    number = Spectrum.objects.get().pk
    assert predicted.checkpoint.hash not in text(three[2], f"spectra/{number}/")
    for way in (f"spectra/{number}/twins/", f"spectra/{number}/evidence/", "transients/X/tns/"):
        assert session_client(three[2]).get(f"{API}/{way}").status_code == 404, way


def test_agreement_does_not_count_a_hidden_vote(three: list[User]) -> None:
    """The hidden vote would form a pair with the earlier vetted one."""
    transient = classified(three[0])
    vote(three[1], transient, "AGN")
    ReviewPolicy.objects.create(class_names=["TDE"])
    vote(three[0], transient)
    assert len(agreement.reviewers(three[0])[0]) == 1
    assert agreement.reviewers(three[2]) == ([], [])


def test_no_page_reveals_the_hidden_vote(three: list[User]) -> None:
    transient = reopened(three)
    instance = SkyPortalInstance(name="Fritz", url="https://fritz.example")
    instance.token = "a token"
    instance.save()
    prediction = Spectrum.objects.get().current_prediction
    assert prediction is not None
    row = transient.decisions.filter(reviewer=three[1]).order_by("id").first()
    about = {"instance": instance, "remote_name": "X"}
    SkyPortalPost.objects.create(**about, kind=PostKind.DECISION, decision=row, state="withdrawn")
    SkyPortalPost.objects.create(**about, kind=PostKind.PREDICTION, prediction=prediction, state="asking")
    client = Client()
    client.force_login(three[2])
    outbox = client.get(reverse("skyportal-outbox")).content.decode()
    assert outbox.count("hidden until your own vote is in") == 2
    assert "TDE" not in outbox
    for where in ("/vetted/", "/?state=second_opinion", "/?state=all", "/transients/X/", "/agreement/", "/tonight/"):
        told = client.get(where).content.decode()
        assert SECRET not in told, where
        assert "by ben" not in told, where
    client.force_login(three[0])
    assert "TDE" in client.get(reverse("skyportal-outbox")).content.decode()


@pytest.mark.parametrize(("class_name", "said"), [("TDE", "it agrees with the first vote"), ("AGN", "is now disputed")])
def test_after_a_blind_vote_the_page_says_what_it_made_of_the_round(
    three: list[User], class_name: str, said: str
) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(three[0])
    sent = {"verdict": "override", "class_name": class_name, "last_decision": vote(three[0], transient).pk}
    client = Client(headers={"X-Fragment": "1"})
    client.force_login(three[2])
    following = client.post(f"/transients/{transient.name}/decide/", sent).json()["next"]
    shown = client.get(following, headers={"X-Fragment": ""}).content.decode()
    assert said in shown


def test_a_delivery_prepared_before_the_first_vote_waits_for_the_readers_vote(
    three: list[User], settings: Settings
) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = True
    ReviewPolicy.objects.create(class_names=["TDE"])
    with Receiver() as receiver:
        made = hook(three[2], receiver, predictions=True)[0]
        transient = classified(three[0])
        webhooks._derive(made)
        assert WebhookDelivery.objects.get().prediction_id is not None
        vote(three[0], transient)
        assert send() == 0
        assert receiver.messages == []
        held = WebhookDelivery.objects.get()
        assert (held.state, held.attempts, held.next_attempt_at is None) == ("waiting", 0, False)
        vote(three[2], transient)
        assert send() == 3
        assert [message["event"] for message in receiver.messages] == ["prediction", "decision", "decision"]


def test_a_novelty_message_is_not_listed_while_the_prediction_is_hidden(three: list[User]) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(three[0])
    Notification.objects.create(
        user=three[2],
        kind="novelty",
        key=f"spectrum-{transient.spectra.get().pk}",
        channel="email",
        transient=transient,
        text=SECRET,
        path="/",
    )
    assert SECRET in text(three[2], "notifications/latest/")
    vote(three[0], transient)
    assert list(notifications.latest(three[2])) == []
    vote(three[2], transient)
    assert SECRET in text(three[2], "notifications/latest/")


@pytest.fixture
def waits_again(make_user: Callable[..., User]) -> tuple[User, Transient]:
    """Return a reviewer who owes a blind vote, and the transient, which still waits in the queue.

    It waits because the last decision of the group says that its own spectrum is bad.
    """
    ada, ben = make_user("ada", "inner"), make_user("ben", "inner")
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(ada)
    public = Spectrum.objects.get()
    record_decision(ada, transient, Proposal("override", class_name="TDE", spectrum=public.pk))
    group = Group.objects.get(name="inner")
    own = submit_spectrum(ada, spectrum_file(seed=9), "own.txt", Given(transient="X", group=group)).spectrum
    worker.process_backlog()
    record_decision(ada, transient, Proposal("bad_spectrum", spectrum=own.pk))
    row = Transient.objects.for_review(ben).get()
    assert (row.review_state, row.hidden) == ("pending", True)
    return ben, transient


def test_the_reason_of_a_transient_that_waits_again_reveals_nothing(waits_again: tuple[User, Transient]) -> None:
    client = Client()
    client.force_login(waits_again[0])
    (row,) = client.get(reverse("queue")).context["rows"]
    (listed,) = session_client(waits_again[0]).get(f"{API}/queue/").json()["results"]
    assert row.reason == listed["reason"] == "your vote is wanted, and given blind"
    assert listed["prediction"] is None


@pytest.mark.parametrize("query", ["", "&above=0"])
def test_a_transient_that_waits_again_is_not_proposed_in_bulk(
    waits_again: tuple[User, Transient], query: str, django_assert_num_queries: Any
) -> None:
    user, _ = waits_again
    Prediction.objects.update(uncertainty=0.01)
    QueueEntry.objects.update(uncertainty=0.01)
    client = Client()
    client.force_login(user)
    assert list(client.get(f"{reverse('bulk')}?threshold=50{query}").context["rows"]) == []
    assert session_client(user).get(f"{API}/queue/bulk/?threshold=50{query}").json()["results"] == []
    for number in range(3):
        classified(user, f"Y{number}", seed=20 + number)
    QueueEntry.objects.update(uncertainty=0.01)
    with django_assert_num_queries(4):
        assert {row.transient.name for row in bulk.proposed(user, QueueFilter(), 50)} == {"Y0", "Y1", "Y2"}
