"""The container's entry points, run without Docker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch

from tests.desk import ROOT

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
