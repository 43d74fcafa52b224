"""The outbox when the server fails or our own process dies."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.fakes.processes import kill_after, lent_database, start
from tests.fakes.server import HTML, AnswerError
from tests.fakes.skyportal import FakeSkyPortal
from tests.fakes.skyportal_rounds import decide, deliver, synced, there
from triage.models import (
    PostState,
    SkyPortalPost,
)
from triage.services.skyportal import outbox
from triage.services.skyportal.standing import derive

pytestmark = pytest.mark.django_db


def test_a_post_made_just_before_a_crash_is_found_again(fritz: FakeSkyPortal, reviewer: User) -> None:
    """The server accepted the post, but the process died before it could record that."""
    instance = synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "TDE")
    deliver()
    SkyPortalPost.objects.update(
        state=PostState.WAITING, remote_id=None, lease_token="dead", lease_until=timezone.now() - timedelta(seconds=1)
    )
    outbox.deliver(instance, time.monotonic() + 30)
    assert len(there(fritz)) == 1
    assert SkyPortalPost.objects.get().state == PostState.POSTED


def test_a_post_held_by_another_process_is_left_alone(fritz: FakeSkyPortal, reviewer: User) -> None:
    instance = synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "TDE")
    derive(instance)
    SkyPortalPost.objects.update(lease_token="other", lease_until=timezone.now() + timedelta(minutes=1))
    assert outbox.run(30) == 0
    assert there(fritz) == []


def test_with_a_tenth_of_all_requests_failing_each_classification_arrives_once(reviewer: User) -> None:
    names = [f"ZTF{i}" for i in range(16)]
    with FakeSkyPortal(burst=10**6, seed=5) as server:
        synced(server, *names, decisions="always", predictions="always")
        server.fail_rate = 0.1
        for number, name in enumerate(names):
            decide(reviewer, name, "AGN" if number % 2 else "TDE")
        for _ in range(6):
            deliver()
        for name in names[:6]:
            decide(reviewer, name, "SN IIn")
        for _ in range(6):
            deliver()
        assert server.failed > 5
        people = [(name, said) for name, said, machine in there(server) if not machine]
        assert sorted(name for name, _ in people) == sorted(names)
        assert {said for name, said in people if name in names[:6]} == {"IIn"}
        assert sum(machine for *_, machine in there(server)) == len(names)
        assert len(server.annotations) == len(names)
        assert not SkyPortalPost.objects.exclude(state__in=(PostState.POSTED, PostState.WITHDRAWN)).exists()


def test_a_post_to_a_server_that_stays_down_is_given_up_and_logged(
    fritz: FakeSkyPortal, reviewer: User, caplog: pytest.LogCaptureFixture
) -> None:
    synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "TDE")
    fritz.fail_rate = 1.0
    for attempt in range(outbox.MAX_ATTEMPTS):
        assert SkyPortalPost.objects.filter(attempts__lt=outbox.MAX_ATTEMPTS).count() == (0 if attempt == 0 else 1)
        deliver()
    post = SkyPortalPost.objects.get()
    assert post.state == PostState.GIVEN_UP
    assert "is not on Fritz" in caplog.text
    fritz.fail_rate = 0.0
    outbox.answer(reviewer, post.pk, "replay")
    deliver()
    assert len(there(fritz)) == 1


def test_the_wait_between_attempts_grows(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", decisions="always")
    decide(reviewer, "ZTF1", "TDE")
    fritz.answer = _broken  # type: ignore[method-assign]
    waits = []
    for _ in range(3):
        deliver()
        post = SkyPortalPost.objects.get()
        assert post.next_attempt_at is not None
        waits.append(post.next_attempt_at - timezone.now())
    assert waits[0] < waits[1] < waits[2]
    assert outbox.run(30) == 0


def _broken(request: Any) -> Any:
    raise AnswerError(502, HTML)


def test_a_token_that_may_not_write_stops_the_round(fritz: FakeSkyPortal, reviewer: User) -> None:
    synced(fritz, "ZTF1", "ZTF2", decisions="always")
    for name in ("ZTF1", "ZTF2"):
        decide(reviewer, name, "AGN")
    fritz.may_write = False
    deliver()
    assert fritz.count("POST", "/api/classification") == 1
    assert "lacks a permission" in SkyPortalPost.objects.exclude(last_error="").get().last_error
    fritz.may_write = True
    deliver()
    assert len(there(fritz)) == 2


@pytest.mark.django_db(transaction=True)
def test_processes_killed_while_posting_post_each_classification_once(tmp_path: Path, reviewer: User) -> None:
    # Wait until the lease of the dead process has expired.
    names = [f"ZTF{i}" for i in range(12)]
    with FakeSkyPortal(burst=10**6, seed=11) as server:
        synced(server, *names, decisions="always")
        for name in names:
            decide(reviewer, name, "AGN")
        server.fail_rate = 0.1
        kills = 0
        for round_number in range(5):
            SkyPortalPost.objects.update(next_attempt_at=None)
            with lent_database(tmp_path) as database, start(tmp_path, database, "send_skyportal") as process:
                kills += kill_after(process, server, 5 + round_number)
            # Until the dead process's lease has run out.
            time.sleep(2.1)
        for _ in range(6):
            deliver()
        assert kills >= 3
        assert there(server) == [(name, "AGN", False) for name in sorted(names)]
        assert set(SkyPortalPost.objects.values_list("state", flat=True)) == {PostState.POSTED}
