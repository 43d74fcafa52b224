"""A night with real workers, its own database, broker queue and folder, and files to classify."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg2

from tests.backends import choose
from tests.desk import ROOT, own_database
from tests.factories import spectrum_file
from tests.faults.services import free_port

# The intervals are shorter than on a real desk, so that a test waits seconds instead of minutes.
SETTINGS = """
from triage.settings import *
LEASE_SECONDS = 2
CELERY_BEAT_SCHEDULE = {"ring": {"task": "triage.tasks.process_queue", "schedule": 1.0, "options": {"expires": 5}}}
"""
# Every spectrum of the night: its state, its failure, and the number of predictions in all and of the current reading.
ROWS = """
    SELECT s.filename, s.state, s.failure_code, count(p.id), count(DISTINCT p.checkpoint_id)
    FROM triage_spectrum s LEFT JOIN triage_prediction p ON p.spectrum_id = s.id AND p.reading = s.reading
    GROUP BY s.id, s.filename, s.state, s.failure_code
"""


class Answer(NamedTuple):
    status: int
    body: Any


class Night:
    """A desk whose processes a test can start and kill.

    folder: folder for its files.
    url: URL of the Postgres database, or "" for SQLite.
    redis_url: URL of Redis, or "" for the filesystem broker.
    facts: numbers for the table that `make chaos` prints.
    """

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder, self.url = folder, database_url
        self.workers: list[subprocess.Popen[bytes]] = []
        self.web: subprocess.Popen[bytes] | None = None
        self.web_url, self.token = "", ""
        self.facts: dict[str, int] = {}
        self.settings("")
        self.environment = os.environ | {
            "TRIAGE_VAR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "CELERY_QUEUE": f"triage-night-{uuid.uuid4().hex[:8]}",
            "CLASSIFIER_BATCH": "8",
            "CLASSIFIER_DEVICE": "cpu",
            "DJANGO_SETTINGS_MODULE": "night_settings",
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "SECRET_KEY": "only for tests",
        }

    def settings(self, more: str) -> None:
        """Add lines to the settings of the processes that start from now on."""
        (self.folder / "night_settings.py").write_text(SETTINGS + more)

    def manage(self, *command: str, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment | more, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def take_in(self, count: int) -> None:
        """Accept a number of files, without classifying them."""
        files = self.folder / "files"
        files.mkdir()
        for seed in range(count):
            (files / f"{seed}.txt").write_bytes(spectrum_file(seed=seed))
        self.manage("migrate")
        self.manage("ingest", str(files))

    def start_worker(self, queues: str = "both", **more: str) -> subprocess.Popen[bytes]:
        """Start a worker.

        queues: "both", or "own" or "outside" for one that leaves the other queue alone, as on a real desk.
        """
        number = len(self.workers)
        command = ["celery", "--quiet", "-A", "triage", "worker", "-B", "--pool", "solo", "--loglevel", "INFO"]
        queue = (self.environment | more)["CELERY_QUEUE"]
        listens = {"both": f"{queue},{queue}-outside", "own": queue, "outside": f"{queue}-outside"}
        command += ["--queues", listens[queues]]
        schedule = str(self.folder / f"schedule-{number}")
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", *command, "--schedule", schedule, "--hostname", f"{number}@night"],
                cwd=ROOT,
                env=self.environment | more,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def start_web(self) -> None:
        """Start the web server, always at the same address, and make a token if there is none."""
        if not self.token:
            self.manage("migrate")
            self.manage(
                "createsuperuser", "--noinput", "--username", "night", "--email", "", DJANGO_SUPERUSER_PASSWORD="x"
            )
            self.token = self.manage("issue_token", "night").strip()
            self.web_url = f"http://127.0.0.1:{free_port()}/"
        address = self.web_url.split("/")[2]
        options = ["--bind", address, "--worker-class", "gthread", "--threads", "4", "--log-level", "warning"]
        with self.log.open("ab") as log:
            self.web = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "triage.wsgi", *options],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait(lambda: self.ask_web("GET", "readyz").status == 200)

    def ask_web(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request to the web server; the answer has status 0 if none came."""
        try:
            headers = {"Authorization": f"Token {self.token}"}
            got = httpx.request(method, self.web_url + path, headers=headers, timeout=30, **options)
        except httpx.TransportError:
            return Answer(0, None)
        is_json = got.headers.get("content-type", "").startswith("application/json")
        return Answer(got.status_code, got.json() if is_json else None)

    def send(self, seed: int) -> Answer:
        """Upload the simulated spectrum of a seed; status 202 or 200 means that it was accepted."""
        file = {"file": (f"{seed}.txt", spectrum_file(seed=seed))}
        return self.ask_web("POST", "api/v1/spectra/", files=file, data={"transient": f"night-{seed}"})

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        if self.url:
            with contextlib.closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
                cursor.execute(question)
                return list(cursor.fetchall())
        with contextlib.closing(sqlite3.connect(self.folder / "var" / "db.sqlite3", timeout=30)) as file:
            return file.execute(question).fetchall()

    def count(self, condition: str) -> int:
        return int(self.ask(f"SELECT count(*) FROM triage_spectrum WHERE {condition}")[0][0])

    def wait(self, happened: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.01)

    def wait_until_done(self) -> None:
        self.wait(lambda: self.count("state = 'queued'") == 0)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a process and its children with SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def check(self, files: int, failed: dict[str, str] | None = None) -> None:
        """Check that every accepted file has exactly one prediction or the stated failure.

        files: number of accepted files, named by their seeds from 0 on.
        failed: name of a file → code of its failure.
        """
        rows = {row[0]: row[1:] for row in self.ask(ROWS)}
        failed = failed or {}
        expected = {f"{seed}.txt": ("classified", "", 1, 1) for seed in range(files)}
        assert rows == expected | {name: ("failed", code, 0, 0) for name, code in failed.items()}
        self.facts |= {"files": files, "predictions": files - len(failed), "given up": len(failed)}
        self.facts["most attempts for one file"] = int(self.ask("SELECT max(attempts) FROM triage_spectrum")[0][0])


@contextlib.contextmanager
def night(folder: Path, services: Sequence[str] = ()) -> Iterator[Night]:
    """Make a night and kill its processes at the end.

    services: URLs of a database and a broker; without them, those of the tests are used.
    """
    with contextlib.ExitStack() as stack:
        urls = services or (stack.enter_context(own_database()), choose()[1])
        made = Night(folder, *urls)
        try:
            yield made
        finally:
            for process in (*made.workers, made.web):
                if process is not None:
                    made.kill(process)
