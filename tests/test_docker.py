"""The container's entry points, run without Docker."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch
import yaml

from tests.desk import ROOT
from tests.proxy import command_of_proxy

ENTRYPOINT = ROOT / "docker" / "entrypoint.sh"


def environment(folder: Path, **more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    embedded = {
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "TRIAGE_VAR": str(folder),
        "DJANGO_SETTINGS_MODULE": "triage.settings",
    }
    return os.environ | embedded | {"PATH": path, "SECRET_KEY": "only for tests"} | more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_web_answers_after_migrate_and_stops_on_sigterm(tmp_path: Path) -> None:
    port = free_port()
    variables = environment(tmp_path, HOST="127.0.0.1", PORT=str(port), WEB_PROCESSES="1")
    subprocess.run([ENTRYPOINT, "migrate"], env=variables, check=True, capture_output=True, timeout=60)
    with subprocess.Popen([ENTRYPOINT, "web"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as web:
        try:
            assert answer(f"http://localhost:{port}/readyz") == "ok\n"
        finally:
            web.send_signal(signal.SIGTERM)
            web.communicate(timeout=30)
    assert web.returncode == 0


def answer(address: str) -> str:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.parametrize("role", ["worker", "gpu-worker", "outside", "beat"])
def test_workers_and_beat_start_and_stop_on_sigterm(tmp_path: Path, role: str) -> None:
    variables = environment(tmp_path)
    subprocess.run([ENTRYPOINT, "migrate"], env=variables, check=True, capture_output=True, timeout=60)
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen([ENTRYPOINT, role], env=variables, stdout=output, stderr=output) as process,
    ):
        try:
            wanted = "beat: Starting" if role == "beat" else " ready."
            deadline = time.monotonic() + 60
            while wanted not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
    assert process.returncode == 0
    if role == "gpu-worker" and not torch.cuda.is_available():
        assert "it works on the CPU" in log.read_text()


@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed (Debian: apt-get install caddy)")
def test_slow_senders_behind_the_proxy_hold_no_web_thread(tmp_path: Path) -> None:
    inside, outside = free_port(), free_port()
    variables = environment(tmp_path, HOST="127.0.0.1", PORT=str(inside), WEB_PROCESSES="1", BEHIND_PROXY="true")
    subprocess.run([ENTRYPOINT, "migrate"], env=variables, check=True, capture_output=True, timeout=60)
    proxy = {"SITE_ADDRESS": f"http://localhost:{outside}", "UPSTREAM": f"127.0.0.1:{inside}", "HOME": str(tmp_path)}
    command = command_of_proxy(tmp_path)
    with (
        subprocess.Popen(
            [ENTRYPOINT, "web"], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        ) as web,
        subprocess.Popen(command, env=variables | proxy, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as caddy,
        contextlib.ExitStack() as senders,
    ):
        try:
            assert answer(f"http://localhost:{outside}/healthz") == "ok\n"
            head = f"POST /api/v1/spectra/ HTTP/1.1\r\nHost: localhost:{outside}\r\nContent-Length: 100000\r\n\r\nx"
            for _ in range(24):
                slow = senders.enter_context(socket.create_connection(("localhost", outside), timeout=10))
                slow.sendall(head.encode())
            started = time.monotonic()
            assert answer(f"http://localhost:{outside}/healthz") == "ok\n"
            assert time.monotonic() - started < 10
        finally:
            # Caddy would wait for the slow senders.
            caddy.kill()
            web.terminate()


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """Copy the folder docker/ to a place that has secrets of its own."""
    folder = tmp_path / "docker"
    shutil.copytree(ENTRYPOINT.parent, folder, ignore=shutil.ignore_patterns("secrets"))
    subprocess.run([folder / "make-secrets.sh"], check=True)
    return folder


def test_secrets_lie_in_a_folder_that_only_their_owner_can_enter(installation: Path) -> None:
    secrets = installation / "secrets"
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    assert before.keys() == {"secret_key", "database_url", "postgres_password"}
    assert before["postgres_password"] in before["database_url"]
    # Releases before this one left the folder open.
    secrets.chmod(0o711)
    subprocess.run([installation / "make-secrets.sh"], check=True)
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.read_text() for file in secrets.iterdir()} == before
    # The user in a container is another than the files' owner.
    assert all(file.stat().st_mode & 0o004 for file in secrets.iterdir())


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_understands_its_file(installation: Path) -> None:
    file = installation / "compose.yaml"
    # Debian's docker-compose 1.29 knows all but the project's name.
    file.write_text(file.read_text().replace("name: triage\n", "", 1))
    subprocess.run([installation / "make-secrets.sh"], check=True)
    variables = installation / "desk.env"
    assert variables.stat().st_mode & 0o777 == 0o600
    variables.write_text("OIDC_ISSUER=https://orcid.org\n")
    command = ["docker-compose", "--file", file, "--profile", "gpu", "config"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    roles = {"migrate", "web", "worker", "outside", "gpu-worker", "beat"}
    assert services.keys() == roles | {"postgres", "redis", "proxy"}
    assert all(services[role]["command"] == [role] for role in roles)
    assert all(services[role]["environment"]["OIDC_ISSUER"] == "https://orcid.org" for role in roles)
    assert [name for name in services if "ports" in services[name]] == ["proxy"]
