"""Claim one transient and then take over the other's, again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.utils import timezone

from tests.backends import choose
from tests.factories import classified
from triage.errors import ClaimedError
from triage.models import Claim, Transient
from triage.models.claim import ClaimQuerySet
from triage.queue.filters import QueueFilter
from triage.review import claims
from triage.review.decisions import record_decision
from triage.review.proposal import Proposal

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(make_user: Callable[..., User]) -> list[User]:
    return [make_user("ada"), make_user("ben")]


def lapse() -> None:
    Claim.objects.update(until=timezone.now() - timedelta(seconds=1))


def test_the_first_reviewer_gets_the_claim_and_the_second_is_told_who_has_it(two: list[User]) -> None:
    transient = classified(two[0])
    assert claims.claim(two[0], transient).reviewer == two[0]
    assert claims.claim(two[1], transient).reviewer == two[0]
    with pytest.raises(ClaimedError, match="ada has been looking"):
        record_decision(two[1], transient, Proposal("confirm"))
    record_decision(two[0], transient, Proposal("confirm"))
    # A decision ends the claim.
    record_decision(two[1], transient, Proposal("unsure"))


def test_a_claim_lapses_unless_it_is_renewed(two: list[User]) -> None:
    transient = classified(two[0])
    first = claims.claim(two[0], transient)
    Claim.objects.update(until=timezone.now() + timedelta(seconds=5))
    again = claims.claim(two[0], transient)
    assert (again.since, again.pk) == (first.since, first.pk)
    assert again.until > timezone.now() + timedelta(seconds=60)
    lapse()
    assert claims.standing_claim(two[0], transient) is None
    assert claims.claim(two[1], transient).reviewer == two[1]
    with pytest.raises(ClaimedError):
        record_decision(two[0], transient, Proposal("confirm"))


def test_a_user_can_take_over_a_claim_and_release_only_their_own(two: list[User]) -> None:
    transient = classified(two[0])
    claims.claim(two[0], transient)
    claims.release(two[1], transient)
    assert claims.standing_claim(two[0], transient) is not None
    assert claims.claim(two[1], transient, take_over=True).reviewer == two[1]
    claims.release(two[1], transient)
    assert claims.standing_claim(two[0], transient) is None


def test_a_claim_made_and_released_during_the_lookup_is_not_an_error(
    two: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    transient = classified(two[0])
    look, now = ClaimQuerySet.get_or_create, timezone.now()

    def come_second(rows: ClaimQuerySet, **wanted: Any) -> Any:
        Claim.objects.create(transient=transient, reviewer=two[0], since=now, until=now + claims.LEASE)
        found = look(rows, **wanted)
        claims.release(two[0], transient)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(ClaimQuerySet, "get_or_create", come_second)
        assert claims.claim(two[1], transient).reviewer == two[0]
    assert claims.claim(two[1], transient).reviewer == two[1]


def test_a_claim_that_another_group_makes_during_the_lookup_is_not_noticed(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben, both = make_user("ada", "ours"), make_user("ben", "theirs"), make_user("dan", "ours", "theirs")
    classified(both, group=Group.objects.get(name="ours"))
    transient = classified(both, seed=2, group=Group.objects.get(name="theirs"))
    look, now = ClaimQuerySet.get_or_create, timezone.now()

    def come_second(rows: ClaimQuerySet, **wanted: Any) -> Any:
        Claim.objects.create(transient=transient, reviewer=ada, since=now, until=now + claims.LEASE)
        return look(rows, **wanted)

    monkeypatch.setattr(ClaimQuerySet, "get_or_create", come_second)
    assert claims.claim(ben, transient).reviewer == ben


def test_opening_another_transient_releases_the_first_claim(two: list[User]) -> None:
    first, second = classified(two[0]), classified(two[0], "Y", seed=2)
    claims.claim(two[0], first)
    claims.claim(two[0], second)
    assert set(claims.holders(two[0], [first.pk, second.pk])) == {second.pk}


def test_a_group_is_not_told_that_another_one_is_looking_at_the_same_transient(make_user: Callable[..., User]) -> None:
    ada, ben, cat = make_user("ada", "ours"), make_user("ben", "theirs"), make_user("cat", "ours")
    both = make_user("dan", "ours", "theirs")
    classified(both, group=Group.objects.get(name="ours"))
    transient = classified(both, seed=2, group=Group.objects.get(name="theirs"))
    claims.claim(ada, transient)
    assert claims.standing_claim(ben, transient) is None
    assert Transient.objects.for_review(ben).get().review_state == "pending"
    assert not QueueFilter.of_address("?state=in_review").rows(ben).exists()
    assert QueueFilter.of_address("?state=in_review").rows(cat).exists()
    with pytest.raises(ClaimedError):
        claims.check(cat, transient)
    claims.check(ben, transient)
    assert claims.claim(ben, transient).reviewer == ben
    assert claims.standing_claim(cat, transient) is None


@pytest.mark.parametrize("state", ["", "?state=all"])
def test_next_skips_transients_claimed_by_others(two: list[User], state: str) -> None:
    for seed, name in enumerate("XYZ"):
        classified(two[0], name, seed=seed)
    chosen = QueueFilter.of_address(state)
    first, middle, last = (row.name for row in chosen.rows(two[0]))
    here = Transient.objects.for_review(two[0]).get(name=first)
    claims.claim(two[1], Transient.objects.get(name=middle))
    assert chosen.following(two[0], here) == last
    lapse()
    assert chosen.following(two[0], here) == middle


@pytest.mark.skipif(not choose()[0], reason="SQLite lets one write at a time")
@pytest.mark.django_db(transaction=True)
def test_two_users_can_take_over_each_others_claims_at_the_same_instant(two: list[User]) -> None:
    about = [classified(two[0]), classified(two[0], "Y", seed=2)]
    errors: list[BaseException] = []
    together = threading.Barrier(2)

    def take(number: int) -> None:
        """Hold one, and then take the other's; again and again."""
        try:
            for turn in range(30):
                claims.claim(two[number], about[(number + turn) % 2], take_over=True)
                together.wait(20)
        except BaseException as error:
            errors.append(error)
            together.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


@pytest.mark.skipif(not choose()[0], reason="SQLite lets one write at a time")
@pytest.mark.django_db(transaction=True)
def test_a_claim_whose_holder_changes_meanwhile_can_still_be_taken_over(two: list[User], reviewer: User) -> None:
    transient, made = classified(two[0]), []
    claims.claim(reviewer, transient)

    def take() -> None:
        try:
            made.append(claims.claim(two[1], transient, take_over=True))
        finally:
            connection.close()

    waiting = threading.Thread(target=take)
    with transaction.atomic():
        claims.claim(two[0], transient, take_over=True)
        waiting.start()
        until = time.monotonic() + 20
        while not _somebody_waits_for_this_transaction():
            assert time.monotonic() < until
    waiting.join(20)
    assert [claim.reviewer for claim in made] == [two[1]]


def _somebody_waits_for_this_transaction() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid")
        return bool(cursor.fetchone()[0])
