"""Requests of the same kind that come at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import Group, User

from tests.at_once import at_once, needs_threads
from triage.accounts import invitations
from triage.models import AutomaticPolicy, GroupInvitation, ReviewPolicy, SavedView, Webhook
from triage.queue import saved_views
from triage.queue.filters import QueueFilter
from triage.review import automatic, second_opinion
from triage.services import webhooks

pytestmark = [needs_threads, pytest.mark.django_db(transaction=True)]

REQUESTS = 8


@pytest.fixture
def staff(make_user: Callable[..., User]) -> User:
    user = make_user("staff")
    user.is_staff = True
    user.save()
    return user


def test_automatic_policies_that_are_set_at_once_become_one(staff: User) -> None:
    set_policy = partial(automatic.change_policy, staff, "", {"class_names": ["SN Ia"]})
    assert [type(result) for result in at_once([set_policy] * REQUESTS)] == [AutomaticPolicy] * REQUESTS
    assert AutomaticPolicy.objects.get().class_names == ["SN Ia"]


def test_policies_for_second_opinions_that_are_set_at_once_become_one(staff: User) -> None:
    set_policy = partial(second_opinion.change_policy, staff, "", ["TDE"], None)
    assert [type(result) for result in at_once([set_policy] * REQUESTS)] == [ReviewPolicy] * REQUESTS
    assert ReviewPolicy.objects.get().class_names == ["TDE"]


def test_webhooks_that_are_made_at_once_keep_to_the_limit(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MAX_WEBHOOKS", 2)
    monkeypatch.setattr(webhooks, "public_address", lambda url: url)
    make = partial(webhooks.make, reviewer, "http://example.org/", on_prediction=True, on_decision=True)
    at_once([make] * REQUESTS)
    assert Webhook.objects.count() == 2


def test_views_that_are_saved_at_once_keep_to_the_limit(reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST", 2)
    at_once([partial(saved_views.save, reviewer, f"view {number}", QueueFilter()) for number in range(REQUESTS)])
    assert SavedView.objects.count() == 2


def test_invitations_that_are_made_at_once_keep_to_the_limit(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_OPEN", 2)
    group = Group.objects.create(name="ZTF")
    invite = partial(invitations.invite, staff, group.pk, "", timedelta(days=1), "127.0.0.1")
    at_once([invite] * REQUESTS)
    assert GroupInvitation.objects.count() == 2
