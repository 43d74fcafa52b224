"""The sync when the server is slow, refuses, fails or goes down, and when our own process dies."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.fakes.processes import kill_after, lent_database, start
from tests.fakes.skyportal import TOKEN, FakeSkyPortal
from tests.fakes.skyportal_rounds import connect, each_once, run
from triage.models import (
    RemoteSpectrum,
    RunState,
    SkyPortalInstance,
    SkyPortalRun,
)
from triage.services.skyportal import client as client_module
from triage.services.skyportal import fetching, sync
from triage.services.skyportal.client import Client
from triage.services.skyportal.errors import RefusedError, UnauthorisedError
from triage.services.skyportal.lease import Lease, LeaseLostError
from triage.services.skyportal.remote_records import read_source, read_spectrum_record

pytestmark = pytest.mark.django_db


def test_pages_are_followed_to_the_end_even_if_the_server_shortens_them(fritz: FakeSkyPortal) -> None:
    fritz.max_page = 7
    for i in range(30):
        fritz.add_source(f"ZTF{i}")
    with Client(fritz.url, TOKEN) as client:
        assert len(list(client.sources())) == 30


def test_the_servers_rate_limit_is_respected_and_its_html_refusals_are_waited_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "BACKOFF_SECONDS", 0.05)
    settings.SKYPORTAL_REQUESTS_PER_SECOND = 60
    with FakeSkyPortal(rate=8, burst=3) as server:
        for i in range(10):
            server.add_spectrum(f"ZTF{i}")
        instance = connect(server)
        done = run(instance)
        assert server.refused > 0
        assert (done.state, done.new, done.errors) == (RunState.DONE, 10, 0)
        assert each_once(server, instance)


def test_the_client_limits_its_request_rate(fritz: FakeSkyPortal, settings: Settings) -> None:
    settings.SKYPORTAL_REQUESTS_PER_SECOND = 20
    started = time.monotonic()
    with Client(fritz.url, TOKEN) as client:
        for _ in range(5):
            client.taxonomies()
    assert time.monotonic() - started >= 4 / 20


def test_two_processes_with_one_token_share_its_request_rate(fritz: FakeSkyPortal, settings: Settings) -> None:
    """The server counts requests by token, so the sync and the outbox share one limit."""
    settings.SKYPORTAL_REQUESTS_PER_SECOND = 20
    started = time.monotonic()
    with Client(fritz.url, TOKEN) as first, Client(fritz.url, TOKEN) as second:
        for _ in range(3):
            first.taxonomies()
            second.taxonomies()
    assert time.monotonic() - started >= 5 / 20


def test_a_server_that_fails_is_asked_for_a_bounded_time_and_then_left_for_its_next_round(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_SECONDS", 0.0)
    instance = connect(fritz)
    instance.url = "http://127.0.0.1:9"
    instance.save()
    started = timezone.now()
    failed = run(instance)
    instance.refresh_from_db()
    assert (failed.state, "/api/" in failed.message and " failed: " in failed.message) == (RunState.FAILED, True)
    assert instance.next_run_at is not None
    assert instance.next_run_at > started


def test_a_round_ends_at_its_deadline_and_asks_connections_that_work_first(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(fritz)
    broken = SkyPortalInstance.objects.get()
    broken.pk, broken.name, broken.failures = None, "broken", 3
    broken.save()
    SkyPortalInstance.objects.update(next_run_at=timezone.now() - timedelta(hours=1))
    asked = []

    def slow(instance: SkyPortalInstance, budget_seconds: float) -> None:
        asked.append(instance.failures)
        time.sleep(0.6)

    monkeypatch.setattr(sync, "sync", slow)
    sync.sync_due(0.5)
    assert asked == [0]


def test_a_wrong_token_fails_the_run_and_postpones_the_next_one(fritz: FakeSkyPortal) -> None:
    instance = connect(fritz)
    fritz.tokens = {}
    done = run(instance)
    assert done.state == RunState.FAILED
    assert "token is not accepted" in done.message
    run(instance)
    instance.refresh_from_db()
    assert instance.failures == 2
    assert instance.next_run_at > timezone.now() + timedelta(minutes=15)
    assert not sync.due().exists()


def test_no_redirect_is_followed(fritz: FakeSkyPortal) -> None:
    from tests.fakes.server import AnswerError

    def elsewhere(request: Any) -> Any:
        raise AnswerError(302, b"", {"Location": "http://169.254.169.254/"})

    fritz.answer = elsewhere  # type: ignore[method-assign]
    with Client(fritz.url, TOKEN) as client, pytest.raises(RefusedError, match="another address"):
        client.taxonomies()


def test_with_a_tenth_of_all_requests_failing_each_spectrum_is_imported_once() -> None:
    with FakeSkyPortal(burst=10**6, fail_rate=0.1, seed=7) as server:
        for i in range(120):
            server.add_spectrum(f"ZTF{i % 40}")
        instance = connect(server)
        done = run(instance)
        assert server.failed > 10
        assert (done.state, done.new) == (RunState.DONE, 120)
        assert each_once(server, instance)


def test_a_server_that_goes_down_fails_the_run_and_the_next_run_imports_the_rest(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 8)
    for i in range(20):
        fritz.add_spectrum(f"ZTF{i}")
    instance = connect(fritz)
    healthy = fritz.answer

    def ailing(request: Any) -> Any:
        fritz.fail_rate = 1.0 if len(fritz.requests) > 25 else 0.0
        return healthy(request)

    fritz.answer = ailing  # type: ignore[method-assign]
    first = run(instance)
    assert first.state == RunState.FAILED
    assert 0 < first.new < 20
    fritz.answer, fritz.fail_rate = healthy, 0.0  # type: ignore[method-assign]
    RemoteSpectrum.objects.update(next_attempt_at=None)
    second = run(instance)
    assert (second.state, first.new + second.new) == (RunState.DONE, 20)
    assert each_once(fritz, instance)


def test_a_run_in_slices_imports_everything(fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slice imports a spectrum, even if the server takes longer for its answer than the slice has."""
    monkeypatch.setattr(fetching, "BATCH", 2)
    for i in range(5):
        fritz.add_spectrum(f"ZTF{i}")
    instance, quick = connect(fritz), fritz._list_spectra

    def slow(query: dict[str, str], groups: set[int]) -> Any:
        time.sleep(0.05)
        return quick(query, groups)

    monkeypatch.setattr(fritz, "_list_spectra", slow)
    assert run(instance, budget_seconds=0).state == RunState.RUNNING
    slices = 1
    while run(instance, budget_seconds=0).state == RunState.RUNNING:
        slices += 1
        assert slices <= 6
    done = SkyPortalRun.objects.get()
    assert (done.state, done.new, done.done) == (RunState.DONE, 5, 5)


def test_two_processes_do_not_sync_one_connection_at_the_same_time(fritz: FakeSkyPortal) -> None:
    instance = connect(fritz)
    lease = Lease(SkyPortalInstance)
    assert lease.claim(instance.pk)
    assert sync.sync(instance) is None
    SkyPortalInstance.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sync.sync(instance) is not None
    with pytest.raises(LeaseLostError):
        lease.check()


def test_a_refused_token_raises_an_error(fritz: FakeSkyPortal) -> None:
    with Client(fritz.url, "wrong") as client, pytest.raises(UnauthorisedError):
        client.taxonomies()


@pytest.mark.parametrize("hours", [-3, *(pytest.param(hours, marks=pytest.mark.slow) for hours in (0, 3))])
@pytest.mark.django_db(transaction=True)
def test_a_killed_process_is_taken_over_without_loss_or_repetition(tmp_path: Path, hours: int) -> None:
    """A real process is killed with SIGKILL again and again; a tenth of the requests fail and the clocks differ."""
    with FakeSkyPortal(burst=10**6, fail_rate=0.1, seed=3) as server:
        server.skew = timedelta(hours=hours)
        for i in range(24):
            server.add_spectrum(f"ZTF{i % 18}")
        instance = connect(server)
        kills = 0
        with lent_database(tmp_path) as database:
            for _ in range(12):
                with start(tmp_path, database, "sync_skyportal", "--wait") as process:
                    kills += kill_after(process, server, 15)
                if process.returncode == 0:
                    break
        assert process.returncode == 0, (tmp_path / "log").read_text()
        assert kills >= 2
        assert each_once(server, instance)
        done = SkyPortalRun.objects.get()
        assert (done.state, done.new, done.total, done.done) == (RunState.DONE, 24, 24, 24)


def test_a_connection_whose_answers_cannot_be_handled_does_not_keep_the_others_from_being_synced(
    fritz: FakeSkyPortal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fritz.add_spectrum("ZTF1")
    good, broken = connect(fritz), SkyPortalInstance(name="broken", url=fritz.url)
    broken.token, broken.next_run_at = TOKEN, timezone.now() - timedelta(hours=1)
    broken.save()
    work = sync._work

    def faulty(client: Client, instance: SkyPortalInstance, *more: Any) -> Any:
        if instance.pk == broken.pk:
            raise RuntimeError("unforeseen")
        return work(client, instance, *more)

    monkeypatch.setattr(sync, "_work", faulty)
    sync.sync_due(30)
    assert good.runs.get().state == RunState.DONE
    assert "unforeseen" in caplog.text


def test_an_answer_that_is_nested_too_deeply_is_no_answer() -> None:
    assert client_module._data(200, b"[" * 100_000) is None


def test_numbers_and_ids_that_no_server_should_send_break_nothing() -> None:
    record = {"id": "\ud800", "wavelengths": [4000, 4001], "fluxes": [1, 10**400]}
    file = read_spectrum_record(record, "https://fritz.example")
    assert file.content.endswith(b"4001.0 nan\n")
    assert read_source({"id": "ZTF1", "redshift": 10**400}).redshift is None
