"""The inbox holds mentions, second opinions that are wanted and disputes, and says what is new in one query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import classified, classified_transients, override, queries
from triage.models import Mention, ReviewPolicy, Spectrum, Transient
from triage.review import comments, decisions, inbox
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user("ada", "a")


@pytest.fixture
def ben(make_user: Callable[..., User]) -> User:
    return make_user("ben", "a")


def listed(user: User) -> list[tuple[str, str, bool]]:
    """Return kind, transient and whether it is unread of each entry, the newest first."""
    return [(entry.kind, entry.transient.name, entry.unread) for entry in inbox.entries(user)]


def open_round(user: User, transient: Transient) -> None:
    """Vote for a class that needs a second opinion."""
    ReviewPolicy.objects.get_or_create(group=None, defaults={"class_names": ["TDE"]})
    override(user, transient, "TDE")


def test_a_mention_waits_until_its_transient_is_opened(ada: User, ben: User, client: Client) -> None:
    transient = classified(ada)
    comments.add(ada, transient, "@ben please look")
    assert listed(ben) == [("mention", "X", True)]
    assert (inbox.unread(ben), inbox.unread(ada)) == (1, 0)
    client.force_login(ben)
    address = reverse("review", args=["X"])
    # A page that is fetched ahead was not seen.
    client.get(address, headers={"X-Ahead": "1"})
    client.head(address)
    assert inbox.unread(ben) == 1
    client.get(address)
    assert listed(ben) == [("mention", "X", False)]
    assert inbox.unread(ben) == 0


def test_a_page_that_was_fetched_ahead_is_read_when_it_is_shown_and_not_when_its_claim_is_renewed(
    ada: User, ben: User, client: Client
) -> None:
    comments.add(ada, classified(ada), "@ben please look")
    client.force_login(ben)
    for act, unread in (("claim", 1), ("open", 0)):
        client.post(reverse("claim", args=["X"]), {"act": act})
        assert inbox.unread(ben) == unread


def test_a_second_opinion_waits_for_everybody_but_the_first_voter_until_it_is_given(
    ada: User, ben: User, make_user: Callable[..., User]
) -> None:
    cleo, transient = make_user("cleo"), classified(ada)
    open_round(ada, transient)
    assert (listed(ada), listed(ben), listed(cleo)) == ([], *[[("second_opinion", "X", True)]] * 2)
    override(ben, transient, "TDE")
    assert (listed(ada), listed(ben), listed(cleo)) == ([], [], [])


def test_a_dispute_is_told_to_the_voter_who_was_contradicted(
    ada: User, ben: User, make_user: Callable[..., User]
) -> None:
    cleo, transient = make_user("cleo"), classified(ada)
    open_round(ada, transient)
    override(ben, transient, "AGN")
    assert (listed(ada), listed(ben), listed(cleo)) == ([("disputed", "X", True)], [], [])


def test_a_round_that_was_read_is_new_again_after_another_vote(ada: User, ben: User) -> None:
    transient = classified(ada)
    open_round(ada, transient)
    inbox.mark_read(ben)
    assert listed(ben) == [("second_opinion", "X", False)]
    decisions.undo(ada, transient.decisions.get().pk)
    open_round(ada, transient)
    assert listed(ben) == [("second_opinion", "X", True)]


def test_all_is_marked_as_read_on_the_page(ada: User, ben: User, client: Client) -> None:
    first, second = classified_transients(ada, 2)
    comments.add(ada, first, "@ben please look")
    open_round(ada, second)
    client.force_login(ben)
    page = client.get(reverse("inbox")).content.decode()
    assert page.count('class="unread-row"') == 2
    assert '<b class="unread num">2</b>' in page
    assert client.post(reverse("inbox"), follow=True).content.decode().count('class="unread') == 0
    assert [unread for _, _, unread in listed(ben)] == [False, False]


def test_a_mention_in_a_hidden_thread_tells_no_text_and_stays_unread(ada: User, ben: User, client: Client) -> None:
    transient = classified(ada)
    open_round(ada, transient)
    comments.add(ada, transient, "@ben surely a smouldering TDE")
    client.force_login(ben)
    for address in (reverse("inbox"), reverse("review", args=["X"]), "/api/v1/inbox/"):
        assert b"smouldering" not in client.get(address).content
    assert ("mention", "X", True) in listed(ben)
    override(ben, transient, "TDE")
    assert b"smouldering" in client.get(reverse("inbox")).content
    client.get(reverse("review", args=["X"]))
    assert listed(ben) == [("mention", "X", False)]


def test_a_withdrawn_comment_and_one_that_the_user_may_not_see_any_more_leave_the_inbox(ada: User, ben: User) -> None:
    transient = classified(ada, group=Group.objects.get(name="a"))
    withdrawn = comments.add(ada, transient, "@ben one")
    comments.add(ada, transient, "@ben two")
    assert inbox.unread(ben) == 2
    comments.withdraw(ada, withdrawn.pk)
    assert inbox.unread(ben) == 1
    ben.groups.clear()
    assert (listed(ben), inbox.unread(ben)) == ([], 0)


def test_a_public_comment_on_a_transient_that_became_private_leaves_the_inbox(ada: User, ben: User) -> None:
    ben.groups.clear()
    comments.add(ada, classified(ada), "@ben one")
    Spectrum.objects.update(group=Group.objects.get(name="a"))
    assert (listed(ben), inbox.unread(ben)) == ([], 0)


def test_the_inbox_takes_the_same_queries_at_any_length(ada: User, ben: User, client: Client) -> None:
    transients = classified_transients(ada, 6)
    client.force_login(ben)

    def grow(some: list[Transient]) -> int:
        for transient in some:
            comments.add(ada, transient, "@ben please look")
            open_round(ada, transient)
        return queries(client, reverse("inbox"))

    assert grow(transients[:1]) == grow(transients[1:])
    assert len(listed(ben)) == 12


def test_the_number_in_the_header_takes_a_query_that_reads_indexes(
    ada: User, ben: User, django_assert_num_queries: Any
) -> None:
    transient = classified(ada)
    comments.add(ada, transient, "@ben please look")
    open_round(ada, transient)
    with django_assert_num_queries(2), CaptureQueriesContext(connection) as captured:  # groups, number
        assert inbox.unread(ben) == 2
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {captured[1]['sql']}")
            plan = [row[3] for row in cursor.fetchall()]
        assert not [step for step in plan if step.startswith("SCAN triage_")], plan


def test_the_count_ends_at_a_bound(ada: User, ben: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST", 2)
    transient = classified(ada)
    for number in range(5):
        comments.add(ada, transient, f"@ben {number}")
    assert inbox.unread(ben) == 3
    assert [entry.text for entry in inbox.entries(ben)] == ["@ben 4", "@ben 3"]
    inbox.mark_read(ben)
    assert not Mention.objects.filter(read_at__isnull=True).exists()


def test_a_name_in_the_comment_of_a_verdict_is_in_that_user_s_inbox(ada: User, ben: User) -> None:
    transient = classified(ada)
    proposal = Proposal("override", class_name="TDE", comment="For @ben. Or @nobody?", last_decision=0)
    for _ in range(2):
        decisions.record_decision(ada, transient, proposal)
    (entry,) = inbox.entries(ben)
    assert (entry.kind, entry.transient, entry.text) == (inbox.MENTION, transient, proposal.comment)
    assert [comment.text for comment in comments.thread(ada, transient)] == [proposal.comment]
    decisions.record_decision(ben, transient, Proposal("override", class_name="TDE", comment="mail ben@nowhere"))
    assert comments.thread(ada, transient).count() == 1


def test_a_name_in_the_comment_of_a_blind_round_is_told_without_its_text(ada: User, ben: User) -> None:
    ReviewPolicy.objects.create(class_names=["TDE"])
    transient = classified(ada)
    decisions.record_decision(ada, transient, Proposal("override", class_name="TDE", comment="A TDE, @ben"))
    (entry,) = [entry for entry in inbox.entries(ben) if entry.kind == inbox.MENTION]
    assert (entry.concealed, entry.text) == (True, "")


def test_a_name_in_the_comment_of_a_private_verdict_reaches_members_alone(
    ada: User, ben: User, make_user: Callable[..., User]
) -> None:
    member = make_user("member", "ours")
    ada.groups.add(member.groups.get())
    transient = classified(ada, group=member.groups.get())
    decisions.record_decision(ada, transient, Proposal("override", class_name="TDE", comment="@ben @member look"))
    assert inbox.entries(ben) == []
    assert [entry.kind for entry in inbox.entries(member)] == [inbox.MENTION]
