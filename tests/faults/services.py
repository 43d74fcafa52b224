"""A Postgres and a Redis for one test, on free ports, that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from tests.proxy import command_of_proxy

START_SECONDS = 60
# Postgres refuses to run as root.
SERVER_USER = "postgres"
# This is room for an empty cluster, some spectra and little more.
SMALL_DISK_MIB = 96


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """A server process in its own session, so that it can be killed with its children."""

    command: list[str]
    environment: dict[str, str] | None = None
    as_user: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.as_user,
                group=self.as_user,
                extra_groups=[] if self.as_user else None,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, f"{self.command[0]} did not start"
            time.sleep(0.05)

    def hang(self) -> None:
        """Stop the process: its connections stay open, and nothing is answered."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a stopped process go on."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process and its children with SIGKILL."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


class OwnRedis(Service):
    """A Redis that keeps nothing on disk, so that a kill loses all messages."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self.command = ["redis-server", *where, "--save", "", "--appendonly", "no"]

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


class OwnPostgres(Service):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.as_user = SERVER_USER if os.geteuid() == 0 else None
        self.data = folder / "cluster"
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        small = ["-c", "shared_buffers=16MB", "-c", "max_wal_size=8MB", "-c", "min_wal_size=2MB"]
        self.command = ["postgres", "-D", str(self.data), "-p", str(self.port), *settings, *small]

    def make(self) -> None:
        """Create an empty cluster."""
        if self.as_user:
            shutil.chown(self.folder, self.as_user, self.as_user)
        made = subprocess.run(
            ["initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--wal-segsize=1", "--no-sync"],
            capture_output=True,
            user=self.as_user,
            group=self.as_user,
            extra_groups=[] if self.as_user else None,
        )
        assert made.returncode == 0, made.stderr

    def answers(self) -> bool:
        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None


class OwnCaddy(Service):
    """The proxy of compose.yaml before a web server.

    upstream: host and port of the web server.
    """

    def __init__(self, folder: Path, upstream: str) -> None:
        super().__init__(folder)
        self.url = f"http://127.0.0.1:{self.port}/"
        self.command = command_of_proxy(folder)
        own = {"SITE_ADDRESS": f":{self.port}", "UPSTREAM": upstream}
        self.environment = os.environ | own | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed here")


@contextlib.contextmanager
def own_redis() -> Iterator[OwnRedis]:
    need("redis-server")
    with tempfile.TemporaryDirectory(prefix="triage-redis-") as folder:
        made = OwnRedis(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.kill()


@contextlib.contextmanager
def own_postgres(folder: Path | None = None) -> Iterator[OwnPostgres]:
    need("initdb", "postgres")
    with tempfile.TemporaryDirectory(prefix="triage-postgres-") as own:
        made = OwnPostgres(folder or Path(own))
        try:
            made.make()
            made.start()
            yield made
        finally:
            made.kill()


@contextlib.contextmanager
def own_caddy(upstream: str) -> Iterator[OwnCaddy]:
    need("caddy")
    with tempfile.TemporaryDirectory(prefix="triage-caddy-") as folder:
        made = OwnCaddy(Path(folder), upstream)
        try:
            made.start()
            yield made
        finally:
            made.kill()


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a folder that is full after SMALL_DISK_MIB; skip the test without root."""
    need("mount", "umount")
    with tempfile.TemporaryDirectory(prefix="triage-disk-") as folder:
        options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK_MIB}m", "tmpfs", folder]
        if subprocess.run(["mount", *options], capture_output=True).returncode:
            pytest.skip("a small disk cannot be mounted here (it needs root)")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
