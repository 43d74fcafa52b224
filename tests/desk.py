"""A complete desk for tests: `manage.py serve` with its own database, broker and folder."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from tests.backends import choose

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 120


class Desk:
    """A running desk.

    process: the `serve` process.
    url: address of the desk, ending with a slash.
    user, password, token: the login that it made.
    log: file with all that its processes printed.
    """

    def __init__(self, process: subprocess.Popen[bytes], login: dict[str, str], log: Path) -> None:
        self.process = process
        self.url, self.user, self.password, self.token = (login[k] for k in ("url", "user", "password", "token"))
        self.log = log

    def get(self, path: str) -> Any:
        """Return the JSON of a path below the API's root."""
        request = urllib.request.Request(
            f"{self.url}api/v1/{path}", headers={"Authorization": f"Token {self.token}", "Accept": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def every(self, path: str) -> list[dict[str, Any]]:
        """Return all rows of a list, read page by page."""
        rows: list[dict[str, Any]] = []
        following: str | None = path
        while following:
            page = self.get(following.split("/api/v1/")[-1])
            rows += page["results"]
            following = page["next"]
        return rows

    def wait_until_classified(self, seconds: float = 120) -> None:
        """Wait until no spectrum is in the backlog."""
        deadline = time.monotonic() + seconds
        while any(row["state"] == "queued" for row in self.every("spectra/")):
            assert time.monotonic() < deadline, f"still queued; the desk said: {self.log.read_text()[-2000:]}"
            time.sleep(0.5)

    def interrupt(self) -> float:
        """Interrupt the desk as Ctrl-C does; return the seconds until it had stopped."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        return time.monotonic() - started


@contextlib.contextmanager
def running(folder: Path, *options: str) -> Iterator[Desk]:
    """Start a desk in ``folder`` and stop it at the end; it uses Postgres and Redis if the other tests do.

    options: further arguments of `manage.py serve`.
    """
    with own_database() as database_url:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {
            "TRIAGE_VAR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "REDIS_URL": choose()[1],
            "CELERY_QUEUE": f"triage-desk-{uuid.uuid4().hex[:8]}",
            "DJANGO_SETTINGS_MODULE": "triage.settings",
            "SECRET_KEY": "only for tests",
        }
        log = folder / "desk.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--port", str(port), *options],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Desk(process, _login(process, folder / "var" / "demo.json", log), log)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)


def _login(process: subprocess.Popen[bytes], file: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads(file.read_text()))
        time.sleep(0.2)
    raise AssertionError(f"the desk did not start: {log.read_text()}")


@contextlib.contextmanager
def own_database() -> Iterator[str]:
    """Create an empty Postgres database and yield its URL; yield "" for SQLite, which lies in the desk's folder."""
    base = choose()[0]
    if not base:
        yield ""
        return
    name = f"triage_desk_{uuid.uuid4().hex[:12]}"
    parts = urlsplit(base)
    maintenance = urlunsplit(parts._replace(path="/postgres"))
    _execute(maintenance, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        _execute(maintenance, f'DROP DATABASE "{name}" WITH (FORCE)')


def _execute(url: str, statement: str) -> None:
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
