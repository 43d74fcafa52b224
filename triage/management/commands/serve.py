"""Run the whole embedded desk: database, web server and worker, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from triage import demo

START_SECONDS = 60
STOP_SECONDS = 7


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--no-demo", action="store_true", help="do not seed simulated spectra")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if _answers(host, port):
            raise CommandError(f"port {port} is taken; choose another: PORT=8001 make run")
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        login = demo.demo_login(demo.login_file())
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        processes: dict[str, subprocess.Popen[bytes]] = {}
        try:
            processes["web server"] = _start(*_web(host, port))
            processes["worker"] = _start(*_worker())
            self._wait_until_up(processes, host, port)
            url = f"http://{'localhost' if host == '127.0.0.1' else host}:{port}/"
            demo.write_login(demo.login_file(), url, login)
            if not options["no_demo"]:
                count = demo.seed(User.objects.get(username=demo.USER))
                if count:
                    self.stdout.write(f"\n  {count} simulated spectra are being classified.")
            self.stdout.write(f"\n  {url}   user {login.user}   password {login.password}")
            self.stdout.write(f"  written to {demo.login_file()}; Ctrl-C ends it\n")
            self.stdout.flush()
            _watch(processes)
        except KeyboardInterrupt:
            self.stdout.write("\nstopping…")
        finally:
            _stop(processes)

    def _wait_until_up(self, processes: dict[str, subprocess.Popen[bytes]], host: str, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(host, port):
            _check(processes)
            if time.monotonic() > deadline:
                raise CommandError(f"the web server did not answer within {START_SECONDS} s")
            time.sleep(0.1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def _web(host: str, port: int) -> list[str]:
    options = ["--bind", f"{host}:{port}", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"]
    return ["gunicorn", "triage.wsgi", *options, "--graceful-timeout", "5", "--log-level", "warning"]


def _worker() -> list[str]:
    return ["celery", "--quiet", "-A", "triage", "worker", "-B", "--pool", "solo", "--loglevel", "WARNING"]


def _start(*command: str) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches us alone and we stop it in order."""
    return subprocess.Popen([sys.executable, "-m", *command], start_new_session=True)  # noqa: S603


def _check(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            raise CommandError(f"the {name} ended with status {process.returncode}; stopping the rest")


def _watch(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    while True:
        _check(processes)
        time.sleep(0.5)


def _stop(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """Ask all to end, then end them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes.values():
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_session(process)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """Whatever is left of it, its own children included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
