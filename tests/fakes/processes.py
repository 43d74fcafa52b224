"""Management commands that run in separate processes on the tests' database."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from tests.fakes.server import FakeService


@contextlib.contextmanager
def lent_database(folder: Path) -> Iterator[str]:
    """Yield a line of settings with which another process uses the tests' database.

    A database in memory is written to a file in ``folder`` and read back at the end.
    """
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite":
        yield f"DATABASES['default']['NAME'] = {name!r}"
        return
    connection.ensure_connection()
    with contextlib.closing(sqlite3.connect(folder / "lent.sqlite3")) as file:
        connection.connection.backup(file)
    yield f"DATABASES['default']['NAME'] = {str(folder / 'lent.sqlite3')!r}"
    with contextlib.closing(sqlite3.connect(folder / "lent.sqlite3")) as file:
        file.backup(connection.connection)


def start(folder: Path, database: str, *command: str) -> subprocess.Popen[bytes]:
    """Start `manage.py command`; its output is added to folder/log.

    database: line of settings from ``lent_database``.
    """
    lines = ["from tests.settings import *", "SKYPORTAL_LEASE_SECONDS = 2", "SKYPORTAL_REQUESTS_PER_SECOND = 1000"]
    (folder / "killed.py").write_text("\n".join([*lines, database]))
    path = os.pathsep.join([str(folder), str(Path.cwd())])
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "manage.py", *command],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "killed", "PYTHONPATH": path},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def kill_after(process: subprocess.Popen[bytes], server: FakeService, requests: int) -> bool:
    """Kill the process with SIGKILL after a number of requests to the server; return False if it ended before."""
    before = len(server.requests)
    while process.poll() is None and len(server.requests) < before + requests:
        time.sleep(0.005)
    killed = process.poll() is None
    process.kill()
    process.wait()
    return killed
