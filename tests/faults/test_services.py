"""Redis, Postgres, the web server or the disk fails while the desk works; every accepted file is still classified."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.faults.night import Night, night
from tests.faults.services import OwnPostgres, OwnRedis, own_caddy, own_postgres, own_redis, small_disk

pytestmark = pytest.mark.slow

FILES = 24
# More than the web server of a night has threads.
SLOW_CLIENTS = 24
ACCEPTED = {200, 202}
# 0: no answer. 500: an error during a request. 503: a database that cannot be reached or written.
UNAVAILABLE = {0, 500, 503}

# This code makes the clock of a process wrong, also for its libraries.
WRONG_CLOCK = """
import datetime, os, time
from django.utils import timezone
right, right_now, hours = time.time, timezone.now, float(os.environ.get("CLOCK_HOURS", 0))
time.time = lambda: right() + hours * 3600
timezone.now = lambda: right_now() + datetime.timedelta(hours=hours)
"""


class Sender(threading.Thread):
    """A thread that uploads files one after the other.

    accepted: seeds of the accepted files.
    refused: seeds of the other files, with the status of the answer (0 if none came).
    """

    def __init__(self, desk: Night, seeds: Iterable[int]) -> None:
        super().__init__()
        self.desk, self.seeds = desk, seeds
        self.accepted: list[int] = []
        self.refused: dict[int, int] = {}

    def run(self) -> None:
        for seed in self.seeds:
            status = self.desk.send(seed).status
            if status in ACCEPTED:
                self.accepted.append(seed)
            else:
                self.refused[seed] = status

    def wait_for(self, number: int) -> None:
        self.desk.wait(lambda: len(self.accepted) + len(self.refused) >= number)


@pytest.fixture
def redis_server() -> Iterator[OwnRedis]:
    with own_redis() as made:
        yield made


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as made:
        yield made


@pytest.fixture
def desk(
    tmp_path: Path, postgres: OwnPostgres, redis_server: OwnRedis, record_property: Callable[[str, object], None]
) -> Iterator[Night]:
    """Start a night with a web server and one worker."""
    with night(tmp_path, (postgres.url, redis_server.url)) as made:
        made.start_web()
        made.start_worker()
        record_property("facts", made.facts)
        yield made


def finish(desk: Night, *senders: Sender) -> None:
    """Check that accepted files are stored, send refused files again, and check that each file is classified once."""
    for sender in senders:
        sender.join()
    accepted = {seed for sender in senders for seed in sender.accepted}
    refused = {seed: status for sender in senders for seed, status in sender.refused.items()}
    stored = {row[0] for row in desk.ask("SELECT filename FROM triage_spectrum")}
    assert {f"{seed}.txt" for seed in accepted} <= stored
    assert set(refused.values()) <= UNAVAILABLE
    desk.facts["uploads refused at first"] = len(refused)
    for seed in refused:
        desk.wait(lambda seed=seed: desk.send(seed).status in ACCEPTED)
    desk.wait_until_done()
    desk.check(len(accepted) + len(refused))


def test_uploads_continue_while_redis_is_down(desk: Night, redis_server: OwnRedis) -> None:
    sender = Sender(desk, range(FILES))
    sender.start()
    sender.wait_for(FILES // 4)
    redis_server.kill()
    sender.wait_for(FILES * 3 // 4)
    redis_server.start()
    sender.join()
    assert sender.refused == {}
    finish(desk, sender)


def test_uploads_continue_while_redis_hangs(desk: Night, redis_server: OwnRedis) -> None:
    sender = Sender(desk, range(FILES))
    sender.start()
    sender.wait_for(FILES // 4)
    redis_server.hang()
    hung = time.monotonic()
    # Each request waits for Redis for a bounded time, so that they all come to an end while it hangs.
    sender.wait_for(FILES * 3 // 4)
    desk.facts["seconds an upload while Redis hung"] = round((time.monotonic() - hung) / (FILES // 2))
    assert desk.ask_web("GET", "healthz").status == 200
    redis_server.go_on()
    sender.join()
    assert sender.refused == {}
    finish(desk, sender)


def test_classification_goes_on_while_a_skyportal_hangs(
    tmp_path: Path, postgres: OwnPostgres, redis_server: OwnRedis, record_property: Callable[[str, object], None]
) -> None:
    with silent_server() as address, night(tmp_path, (postgres.url, redis_server.url)) as desk:
        record_property("facts", desk.facts)
        desk.start_web()
        desk.manage(
            "shell",
            "-c",
            "from triage.models import SkyPortalInstance\n"
            f"row = SkyPortalInstance(name='hung', url='{address}')\nrow.token = 'any'\nrow.save()",
        )
        desk.settings("SKYPORTAL_TIMEOUT_SECONDS = 60\n")
        desk.start_worker("own")
        desk.start_worker("outside")
        desk.manage("shell", "-c", "from triage.tasks import sync_skyportal\nsync_skyportal.delay()")
        sender = Sender(desk, range(FILES))
        sender.start()
        finish(desk, sender)
        assert desk.ask("SELECT count(*) FROM triage_skyportalrun WHERE state = 'done'") == [(0,)]


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Listen at an address where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_an_emptied_broker_loses_no_work(desk: Night, redis_server: OwnRedis) -> None:
    sender = Sender(desk, range(FILES))
    sender.start()
    while sender.is_alive():
        redis_server.client.flushall()
        time.sleep(0.1)
    finish(desk, sender)


def test_repeated_messages_cause_no_repeated_work(desk: Night, redis_server: OwnRedis) -> None:
    desk.kill(desk.workers.pop())
    sender = Sender(desk, range(FILES))
    sender.start()
    sender.join()
    queue = desk.environment["CELERY_QUEUE"]
    for message in redis_server.client.lrange(queue, 0, -1):
        redis_server.client.rpush(queue, *[message] * 10)
    for _ in range(3):
        desk.start_worker()
    finish(desk, sender)
    assert desk.facts["most attempts for one file"] == 1


def test_a_killed_postgres_keeps_every_accepted_upload(desk: Night, postgres: OwnPostgres) -> None:
    sender = Sender(desk, range(FILES))
    sender.start()
    sender.wait_for(FILES // 4)
    postgres.kill()
    sender.wait_for(FILES // 2)
    postgres.start()
    finish(desk, sender)
    assert sender.refused


def test_decisions_survive_a_killed_postgres_and_none_is_recorded_twice(desk: Night, postgres: OwnPostgres) -> None:
    finish_uploads = Sender(desk, range(6))
    finish_uploads.run()
    desk.wait_until_done()
    acknowledged: list[int] = []
    unanswered = 0
    proposal = {"verdict": "override", "class_name": "TDE"}
    for seed in range(6):
        killer = threading.Timer(0.01, postgres.kill)
        if seed == 3:
            killer.start()
        answer = desk.ask_web("POST", f"api/v1/transients/night-{seed}/decisions/", json=proposal)
        if seed == 3:
            killer.join()
            postgres.start()
        if answer.status == 201:
            acknowledged.append(answer.body["id"])
        else:
            unanswered += 1
    stored = {row[0] for row in desk.ask("SELECT id FROM triage_decision")}
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + unanswered
    assert desk.ask("SELECT max(n) FROM (SELECT count(*) n FROM triage_decision GROUP BY transient_id) x") == [(1,)]
    desk.facts |= {"decisions acknowledged": len(acknowledged), "stored": len(stored)}


def test_a_web_server_killed_during_uploads_leaves_no_partial_file(desk: Night) -> None:
    senders = [Sender(desk, range(start, FILES, 2)) for start in range(2)]
    for sender in senders:
        sender.start()
    senders[0].wait_for(4)
    assert desk.web is not None
    desk.kill(desk.web)
    time.sleep(0.5)
    desk.start_web()
    finish(desk, *senders)
    assert senders[0].refused or senders[1].refused


def sent_over_a_full_disk(desk: Night, disk: Path) -> Sender:
    """Upload while the disk is filled until uploads are refused, and is freed again; return the sender."""
    freed = threading.Event()
    sender = Sender(desk, itertools.takewhile(lambda _: not freed.is_set(), itertools.count()))
    sender.start()
    sender.wait_for(FILES // 4)
    fill(disk / "ballast")
    desk.wait(lambda: bool(sender.refused))
    (disk / "ballast").unlink()
    freed.set()
    sender.join()
    return sender


def test_a_full_disk_refuses_uploads_and_loses_no_accepted_one(
    tmp_path: Path, redis_server: OwnRedis, record_property: Callable[[str, object], None]
) -> None:
    with (
        small_disk() as disk,
        own_postgres(disk) as postgres,
        night(tmp_path, (postgres.url, redis_server.url)) as desk,
    ):
        record_property("facts", desk.facts)
        desk.start_web()
        desk.start_worker()
        sender = sent_over_a_full_disk(desk, disk)
        if not postgres.answers():
            postgres.kill()
            postgres.start()
        finish(desk, sender)


def test_a_full_disk_of_an_embedded_desk_refuses_uploads_and_loses_no_accepted_one(
    record_property: Callable[[str, object], None],
) -> None:
    with small_disk() as disk, night(disk, ("", "")) as desk:
        record_property("facts", desk.facts)
        desk.start_web()
        worker = desk.start_worker()
        sender = sent_over_a_full_disk(desk, disk)
        if worker.poll() is not None:
            # ``serve`` does the same.
            desk.start_worker()
        finish(desk, sender)


def test_slow_clients_hold_up_nobody_behind_the_proxy(desk: Night) -> None:
    upstream = desk.web_url.split("/")[2]
    with own_caddy(upstream) as caddy, slow_clients(caddy.port):
        desk.web_url = caddy.url
        sender = Sender(desk, range(FILES))
        began = time.monotonic()
        sender.start()
        sender.join()
        desk.facts |= {"slow clients": SLOW_CLIENTS, "seconds for all uploads": round(time.monotonic() - began)}
        assert sender.refused == {}
        finish(desk, sender)


@contextlib.contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Send SLOW_CLIENTS uploads without a login to a port at once, a byte of each every tenth of a second."""
    head = "POST /api/v1/spectra/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(SLOW_CLIENTS)]
        over = threading.Event()

        def drip() -> None:
            sent = head.encode()
            while not over.wait(0.1):
                for client in clients:
                    # The proxy may give one up.
                    with contextlib.suppress(OSError):
                        client.sendall(sent)
                sent = b"x"

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            yield
        finally:
            over.set()
            dripping.join()


def fill(file: Path) -> None:
    """Write to a file until the disk is full."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as opened:
        while True:
            opened.write(b"\0" * 65536)


def test_workers_with_wrong_clocks_do_nothing_twice(desk: Night) -> None:
    desk.kill(desk.workers.pop())
    sender = Sender(desk, range(FILES))
    sender.start()
    sender.join()
    desk.settings(WRONG_CLOCK)
    for hours in ("-5", "5", "0"):
        desk.start_worker(CLOCK_HOURS=hours)
    finish(desk, sender)
    assert desk.facts["most attempts for one file"] == 1
